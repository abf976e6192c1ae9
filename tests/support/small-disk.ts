import { spawnSync } from 'node:child_process'

/**
 * A wrapper for a command that sees a disk of this size, empty, at `folder`; it is gone with the command. It is a
 * tmpfs in a mount namespace of the command's own, for which root, or unprivileged user namespaces, are needed.
 */
export function onSmallDisk(folder: string, size: string, script = 'exec "$@"'): readonly string[] {
  const mount = `mount -t tmpfs -o size=${size} tmpfs '${folder}'`
  for (const flags of [['-m'], ['-r', '-m']]) {
    if (spawnSync('unshare', [...flags, 'sh', '-c', mount]).status !== 0) continue
    return ['unshare', ...flags, 'sh', '-c', `${mount} && ${script}`, 'sh']
  }
  throw new Error('no small disk can be made here: run the tests as root, or allow user namespaces')
}
