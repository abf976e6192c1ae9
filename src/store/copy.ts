import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, copyFile, open, stat } from 'node:fs/promises'
import { throwIfAborted } from '../abort.js'
import type { OnBytes } from './port.js'

/** Bytes that are read and written at a time. */
const CHUNK = 4 * 1024 * 1024

/**
 * Copies a file to a new one: at no cost where the file system shares blocks, else chunk by chunk, so that an abort
 * takes effect at once. Gives the copy the source's mode, and its owner the right to read and write.
 */
export async function copyToNew(
  from: string,
  to: string,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<void> {
  throwIfAborted(signal)
  const { mode, size } = await stat(from)
  if (await cloned(from, to)) onBytes(size)
  else
    await streamed(
      from,
      to,
      (chunk) => {
        onBytes(chunk.length)
      },
      signal,
    )
  await chmod(to, (mode & 0o777) | 0o600)
}

/** Copies to a new file and gives the digest of what was written, `sha256:<hex>`. */
export async function copyWithDigest(
  from: string,
  to: string,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256')
  const onChunk = (chunk: Uint8Array): void => {
    hash.update(chunk)
    onBytes(chunk.length)
  }
  await streamed(from, to, onChunk, signal)
  return `sha256:${hash.digest('hex')}`
}

/** Digest of a file's bytes, `sha256:<hex>`. */
export async function digestOf(file: string, onBytes: OnBytes, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  await readPieces(file, signal, (piece) => {
    hash.update(piece)
    onBytes(piece.length)
  })
  return `sha256:${hash.digest('hex')}`
}

/** Makes a file's content, or a folder's entries, durable. Windows can open no folder, and flushes only what it may write. */
export async function flush(fileOrFolder: string, kind: 'file' | 'folder'): Promise<void> {
  const windows = process.platform === 'win32'
  if (kind === 'folder' && windows) return
  const handle = await open(fileOrFolder, windows ? 'r+' : 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function cloned(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
    return true
  } catch {
    // Most file systems cannot. A real problem shows again, and better named, when the bytes are copied.
    return false
  }
}

async function streamed(
  from: string,
  to: string,
  onChunk: (chunk: Uint8Array) => void,
  signal: AbortSignal,
): Promise<void> {
  const target = await open(to, 'wx')
  try {
    await readPieces(from, signal, async (piece) => {
      onChunk(piece)
      await target.writeFile(piece)
    })
  } finally {
    await target.close()
  }
}

/** The buffer of the last copy, for the next: a new one for each small file keeps the garbage collector busy. */
let spare: Buffer | undefined

/** Reads a file through one buffer: streams make a new one for each piece, which takes three times as long. */
async function readPieces(
  file: string,
  signal: AbortSignal,
  onPiece: (piece: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const source = await open(file, 'r')
  const buffer = spare ?? Buffer.allocUnsafeSlow(CHUNK)
  spare = undefined
  try {
    for (;;) {
      throwIfAborted(signal)
      const { bytesRead } = await source.read(buffer, 0, CHUNK)
      if (bytesRead === 0) return
      await onPiece(buffer.subarray(0, bytesRead))
    }
  } finally {
    spare = buffer
    await source.close()
  }
}
