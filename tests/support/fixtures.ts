import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { constants, createBrotliDecompress } from 'node:zlib'

const FOLDER = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'fixtures')

/** The names of the bundled archives. */
export type FixtureName = 'conformance' | 'made' | 'pitfalls' | 'tables' | 'trackers' | 'wal'

/**
 * Unpacks a bundled archive of real database files, once a machine, and gives its folder. Nobody may write there:
 * copy what a test changes.
 */
export async function fixture(name: FixtureName): Promise<string> {
  const archive = path.join(FOLDER, `${name}.tar.br`)
  const digest = createHash('sha256')
    .update(await readFile(archive))
    .digest('hex')
    .slice(0, 12)
  const folder = path.join(tmpdir(), `duckfleet-fixture-${name}-${digest}`)
  if (await exists(folder)) return path.join(folder, name)
  const unpacking = await mkdtemp(`${folder}-`)
  await untar(archive, unpacking)
  try {
    await rename(unpacking, folder)
  } catch {
    // Another test was faster.
    await rm(unpacking, { recursive: true, force: true })
  }
  return path.join(folder, name)
}

async function untar(archive: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const tar = execFile('tar', ['-x', '-C', folder])
  const done = new Promise<void>((resolve, reject) => {
    tar.on('error', reject)
    tar.on('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`tar ended with ${String(code)}`))
    })
  })
  if (!tar.stdin) throw new Error('tar has no input')
  // tar stops at the end mark of the archive, and may leave the padding behind it unread: its own word counts.
  const fed = pipeline(
    createReadStream(archive),
    createBrotliDecompress({ params: { [constants.BROTLI_DECODER_PARAM_LARGE_WINDOW]: 1 } }),
    tar.stdin,
  ).catch(() => undefined)
  await done
  await fed
}

async function exists(folder: string): Promise<boolean> {
  return await stat(folder).then(
    () => true,
    () => false,
  )
}
