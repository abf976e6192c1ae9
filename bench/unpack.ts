import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { constants, createBrotliDecompress } from 'node:zlib'
import type { BrotliDecompress } from 'node:zlib'

/** Unpacks a `.tar.br` into a folder, which is made. Needs the program `tar`. */
export async function unpackArchive(archive: string, folder: string, signal: AbortSignal): Promise<void> {
  await mkdir(folder, { recursive: true })
  const tar = spawn('tar', ['-x', '-C', folder], { signal, stdio: ['pipe', 'ignore', 'inherit'] })
  // tar stops at the end mark of the archive, and may leave the padding behind it unread: its own word counts.
  const fed = pipeline(createReadStream(archive), brotli(), tar.stdin, { signal }).catch(() => undefined)
  await ended(tar, 'tar')
  await fed
}

/** Copies a file, unpacking `.br` and, with the program `xz`, `.xz`. */
export async function unpackFile(packed: string, destination: string, signal: AbortSignal): Promise<void> {
  if (packed.endsWith('.br')) {
    await pipeline(createReadStream(packed), brotli(), createWriteStream(destination), { signal })
  } else if (packed.endsWith('.xz')) {
    const xz = spawn('xz', ['-d', '-c', packed], { signal, stdio: ['ignore', 'pipe', 'inherit'] })
    await Promise.all([ended(xz, 'xz'), pipeline(xz.stdout, createWriteStream(destination), { signal })])
  } else {
    await copyFile(packed, destination)
  }
}

/** The archives were packed with a window that Brotli streams do not have by default. */
function brotli(): BrotliDecompress {
  return createBrotliDecompress({ params: { [constants.BROTLI_DECODER_PARAM_LARGE_WINDOW]: 1 } })
}

function ended(child: ChildProcess, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(new Error(`${name} did not run: ${error.message}; install it`))
    })
    child.once('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${name} ended with ${code ?? 'a signal'}`))
    })
  })
}
