import { execFile } from 'node:child_process'
import { chown, cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { PROJECT } from './cli.js'
import { IMAGE_USER, inReadOnlyRoot } from './read-only-root.js'

const run = promisify(execFile)

/** What the scripts of an image made, without Docker. */
export interface Image {
  /** What the image has as `/app`. */
  readonly tree: string
  /** What the image has as `/batch_download`. */
  readonly work: string
  /** A folder for anything else. */
  readonly folder: string
  /** Empties the work folder, and puts a copy of a folder into it as `old`. */
  fill(source?: string): Promise<void>
  /** Runs Node as the image does: as its user, in a root that cannot be written. Rejects unless it ends with 0. */
  node(args: readonly string[], options?: RunOptions): Promise<{ stdout: string; stderr: string }>
  dispose(): Promise<void>
}

interface RunOptions {
  /** A folder of engines, which the image has as `/engines`. */
  readonly engines?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a script of the images. */
export async function imageScript(name: 'tree.sh' | 'engines.sh', args: readonly string[]): Promise<void> {
  await run(path.join(PROJECT, 'infra', 'image', name), args)
}

/** Makes what an image holds, in a temp folder. */
export async function createImage(): Promise<Image> {
  const folder = await mkdtemp(path.join(tmpdir(), 'duckfleet-image-'))
  const [tree, work, root] = ['app', 'work', 'root'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ]
  await imageScript('tree.sh', [tree])
  await mkdir(root)
  return {
    tree,
    work,
    folder,
    async fill(source) {
      await rm(work, { recursive: true, force: true })
      await mkdir(work)
      if (source !== undefined) await cp(source, path.join(work, 'old'), { recursive: true })
      for (const name of ['.', ...(await readdir(work, { recursive: true }))])
        await chown(path.join(work, name), IMAGE_USER, IMAGE_USER)
    },
    async node(args, { engines, env = {} } = {}) {
      const [program = '', ...wrapper] = inReadOnlyRoot({
        root,
        readOnly: { '/app': tree, ...(engines === undefined ? {} : { '/engines': engines }) },
        writable: { '/batch_download': work },
      })
      const variables = {
        WORK_DIR: '/batch_download',
        ...(engines === undefined ? {} : { DUCKFLEET_ENGINES: '/engines' }),
        ...env,
      }
      const assigned = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
      return await run(program, [...wrapper, ...assigned, '/node', ...args])
    },
    async dispose() {
      await rm(folder, { recursive: true, force: true })
    },
  }
}
