import { spawnSync } from 'node:child_process'

/** Where things are in such a root. */
export interface ReadOnlyRoot {
  /** An empty folder, over which the root is made. */
  readonly root: string
  /** Path in the root by path out here: can be read and run. */
  readonly readOnly: Readonly<Record<string, string>>
  /** Path in the root by path out here: can be written. Its owner has to be {@link IMAGE_USER}. */
  readonly writable: Readonly<Record<string, string>>
}

/** User and group that the images run as. */
export const IMAGE_USER = 1000

/**
 * A wrapper for a command that runs as in a container of the images: as a user without rights, in a root of its own that
 * cannot be written, with the system's programs, an empty /tmp and what is named. `/node` is this Node. It is gone with
 * the command. Mounts need root; without it, user namespaces, where the command is its own root but nobody outside.
 */
export function inReadOnlyRoot({ root, readOnly, writable }: ReadOnlyRoot): readonly string[] {
  const shown: Readonly<Record<string, string>> = { ...readOnly, '/node': process.execPath }
  const script = [
    'set -e',
    'show() { if [ -d "$1" ]; then mkdir -p "$2"; else touch "$2"; fi; mount --bind "$1" "$2"; }',
    `mount -t tmpfs -o mode=755 tmpfs ${quote(root)}`,
    `cd ${quote(root)}`,
    'for name in bin lib lib64 sbin; do if [ -L /$name ]; then cp -P /$name .; fi; done',
    // Some systems have them as folders of their own.
    'for name in usr etc bin lib lib64 sbin; do if [ -d /$name ] && [ ! -e $name ]; then show /$name $name; mount -o remount,ro,bind $name; fi; done',
    ...Object.entries(shown).map(
      ([path, source]) => `show ${quote(source)} .${quote(path)}; mount -o remount,ro,bind .${quote(path)}`,
    ),
    ...Object.entries(writable).map(([path, source]) => `show ${quote(source)} .${quote(path)}`),
    'mkdir -p proc dev tmp; mount --rbind /proc proc; mount --rbind /dev dev',
    'mount -t tmpfs -o mode=1777 tmpfs tmp',
    'mount -o remount,ro .',
  ].join('\n')
  const enter = (user: string): string => `${script}\nexec chroot ${user} . env -i PATH=/usr/bin:/bin "$@"`
  const asUser = `--userspec=${IMAGE_USER}:${IMAGE_USER} --groups=`
  for (const [flags, user] of [
    [['-m'], asUser],
    [['-r', '-m'], ''],
  ] as const) {
    if (spawnSync('unshare', [...flags, 'mount', '-t', 'tmpfs', 'tmpfs', root]).status !== 0) continue
    return ['unshare', ...flags, 'sh', '-c', enter(user), 'sh']
  }
  throw new Error('no root can be made here: run the tests as root, or allow user namespaces')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
