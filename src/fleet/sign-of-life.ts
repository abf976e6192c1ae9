import { rename } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'

/** Whoever can connect knows that the owner of the folder lives. */
const SOCKET = 'alive'
/** Bytes of a path; longer ones are cut off by Node, or refused by the system. */
const LONGEST_PATH = 100

/**
 * Listens in the folder until this process ends, however that happens. Numbers of processes tell nothing of those in other
 * containers, which have the same ones. A file system or a path that knows no sockets is left without.
 */
export async function showLife(folder: string): Promise<void> {
  const unfinished = path.join(folder, `${SOCKET}.tmp`)
  if (Buffer.byteLength(unfinished) > LONGEST_PATH) return
  const server = net.createServer((asking) => asking.destroy()).unref()
  const listening = await new Promise<boolean>((resolve) => {
    server.once('listening', () => {
      resolve(true)
    })
    server.on('error', () => {
      resolve(false)
    })
    server.listen(unfinished)
  })
  // Under its name it never refuses anybody.
  if (listening) await rename(unfinished, path.join(folder, SOCKET))
}

/** True when the process that listened in the folder has ended; false also where none ever listened. */
export async function isAbandoned(folder: string): Promise<boolean> {
  const socket = path.join(folder, SOCKET)
  if (Buffer.byteLength(socket) > LONGEST_PATH) return false
  return await new Promise((resolve) => {
    const asking = net.connect(socket)
    asking.on('connect', () => {
      asking.destroy()
      resolve(false)
    })
    asking.on('error', (error) => {
      resolve('code' in error && error.code === 'ECONNREFUSED')
    })
  })
}
