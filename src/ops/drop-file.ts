import { open, rm } from 'node:fs/promises'
import path from 'node:path'
import { DuckfleetError, systemCode } from '../errors.js'
import type { DropRecord } from './failed-drop.js'

/** A record in a new file of JSON lines. */
export interface DropFile extends DropRecord {
  /** Closes it; one that holds nothing is removed. Can be called twice. */
  close(): Promise<void>
}

/** Throws a DuckfleetError `usage` when the file is there already or cannot be made. */
export async function openDropFile(file: string): Promise<DropFile> {
  const handle = await open(file, 'wx', 0o600).catch((error: unknown) => {
    const there = systemCode(error) === 'EEXIST'
    const why = there ? 'it is there already' : String(error)
    throw new DuckfleetError(
      'usage',
      `cannot write what is dropped to ${file}: ${why}; nothing was dropped`,
      {
        cause: error,
      },
    )
  })
  let written = 0
  let closed = false
  return {
    async append(lines) {
      try {
        await handle.appendFile(lines.map((line) => `${line}\n`).join(''))
        await handle.sync()
        if (written === 0) await syncFolder(path.dirname(path.resolve(file)))
      } catch (error) {
        const sentence = `cannot write what is dropped to ${file}: ${String(error)}; what is not in it was not dropped`
        throw new DuckfleetError('no-space', sentence, { cause: error })
      }
      written += lines.length
    },
    async close() {
      if (closed) return
      closed = true
      await handle.close()
      if (written === 0) await rm(file)
    },
  }
}

/** Or a crash could take the file's name, and with it what it holds. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
