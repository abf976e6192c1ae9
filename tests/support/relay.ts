import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** Stands between a client and a server of 127.0.0.1, and breaks connections. */
export interface Relay {
  /** The server's address with the relay's port. */
  readonly url: string
  /** How many connections it broke. */
  readonly broken: () => number
  close(): Promise<void>
}

/** Breaks the first `times` connections on which a client says `word`, before the server hears of it. */
export async function startRelay(
  server: string,
  { word, times }: { readonly word: string; readonly times: number },
): Promise<Relay> {
  const port = Number(new URL(server).port)
  const open = new Set<Socket>()
  let broken = 0
  const relay = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    const cut = (): void => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      open.add(socket)
      // Whatever happened to one of the two, the other shares it.
      socket.on('error', cut).on('close', () => {
        open.delete(socket)
        cut()
      })
    }
    client.on('data', (bytes) => {
      if (broken < times && bytes.includes(word)) {
        broken += 1
        cut()
      } else upstream.write(bytes)
    })
    upstream.pipe(client)
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  const url = new URL(server)
  url.port = String((relay.address() as AddressInfo).port)
  return {
    url: url.href,
    broken: () => broken,
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => relay.close(resolve))
    },
  }
}
