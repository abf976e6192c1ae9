import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { asDuckfleetError, DuckfleetError, systemCode } from '../errors.js'
import { assertKnownEngine } from '../engine/registry.js'
import { HEADER_BYTES, parseHeader, requireDatabase } from '../migration/file/header.js'
import type { HeaderResult, StorageHeader } from '../migration/file/header.js'
import { WAL_SUFFIXES } from '../migration/file/wal.js'

/** What `inspect` says of one file; as JSON, this is a line of its output. `null`: not known. */
export interface Inspection {
  readonly file: string
  readonly storageVersion: number | null
  /** Releases that write this storage version, for people. */
  readonly releases: string | null
  /** Release that created the file. */
  readonly writer: string | null
  readonly serializationLevel: number | null
  readonly encrypted: boolean | null
  /** Size of the WAL beside it (of all of them: later releases keep several), bytes; null when there is none. */
  readonly wal: number | null
  /** Bytes. */
  readonly size: number | null
  readonly error: { readonly code: string; readonly message: string } | null
}

/** Reads the headers of one file, and nothing more of it. Never rejects: what goes wrong is in `error`. */
export async function inspectFile(file: string): Promise<Inspection> {
  let found: Omit<Inspection, 'error'> = {
    file,
    storageVersion: null,
    releases: null,
    writer: null,
    serializationLevel: null,
    encrypted: null,
    wal: null,
    size: null,
  }
  try {
    const { size, result } = await readHeader(file)
    found = { ...found, size, wal: await walSize(file), ...fields(result) }
    assertKnownEngine(requireDatabase(result, file), file)
    return { ...found, error: null }
  } catch (error) {
    return { ...found, error: describe(error, file) }
  }
}

/** Reads what a file says of itself. Throws a DuckfleetError for a folder or a pipe. */
export async function readHeader(file: string): Promise<{ size: number; result: HeaderResult }> {
  // Before it is opened: opening a pipe would wait for its writer.
  const stats = await stat(file)
  const { size } = stats
  if (stats.isDirectory())
    throw new DuckfleetError('usage', `${file} is a folder that cannot be read; check its permissions`)
  if (!stats.isFile()) throw new DuckfleetError('unreadable', `${file} is not a regular file`)
  const handle = await open(file, 'r')
  try {
    return { size, result: parseHeader(await readStart(handle), size) }
  } finally {
    await handle.close()
  }
}

async function readStart(handle: FileHandle): Promise<Uint8Array> {
  const buffer = new Uint8Array(HEADER_BYTES)
  let length = 0
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, HEADER_BYTES - length, length)
    length += bytesRead
    if (bytesRead === 0 || length === HEADER_BYTES) return buffer.subarray(0, length)
  }
}

async function walSize(file: string): Promise<number | null> {
  let total: number | null = null
  for (const suffix of WAL_SUFFIXES) {
    const size = await sizeOf(file + suffix)
    if (size !== null) total = (total ?? 0) + size
  }
  return total
}

async function sizeOf(file: string): Promise<number | null> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null
    throw error
  }
}

function fields(result: HeaderResult): Partial<Omit<Inspection, 'error'>> {
  const header: StorageHeader | undefined = result.kind === 'not-a-database' ? undefined : result.header
  if (header === undefined) return {}
  const { storageVersion, releases, writer, serializationLevel, encrypted } = header
  return {
    storageVersion,
    releases,
    encrypted,
    writer: writer ?? null,
    serializationLevel: serializationLevel ?? null,
  }
}

function describe(error: unknown, file: string): { code: string; message: string } {
  switch (systemCode(error)) {
    case 'ENOENT':
      return { code: 'usage', message: `${file} does not exist; check the path` }
    case 'EACCES':
    case 'EPERM':
      return { code: 'usage', message: `${file} may not be read by this user; check its permissions` }
    case undefined:
    default: {
      const { code, message } = asDuckfleetError(error, 'transient')
      return {
        code,
        message: error instanceof DuckfleetError ? message : `${file} cannot be read: ${message}`,
      }
    }
  }
}
