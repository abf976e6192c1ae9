import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A secret's text, an error instead, or null: no answer at all. */
type SecretAnswer = string | { readonly status: number; readonly error: string } | null

/** Speaks as much of Secrets Manager's protocol as GetSecretValue needs. */
export interface SecretsServer {
  readonly endpoint: string
  /** Names that were asked for. */
  readonly asked: readonly string[]
  /** Answers, the first first; the last one stays. */
  answer(name: string, ...answers: readonly SecretAnswer[]): void
  close(): Promise<void>
}

export async function startSecretsServer(): Promise<SecretsServer> {
  const asked: string[] = []
  const answers = new Map<string, SecretAnswer[]>()
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const { SecretId: name } = JSON.parse(Buffer.concat(chunks).toString()) as { SecretId: string }
      const signed = request.headers.authorization?.startsWith('AWS4-HMAC-SHA256') === true
      const known = request.headers['x-amz-target'] === 'secretsmanager.GetSecretValue' && signed
      asked.push(name)
      const queue = answers.get(name) ?? []
      const next = queue.length > 1 ? queue.shift() : queue[0]
      if (!known) reply(response, 400, { __type: 'InvalidAction' })
      else if (next === undefined)
        reply(response, 400, { __type: 'ResourceNotFoundException', message: 'no such secret' })
      else if (typeof next === 'object' && next !== null)
        reply(response, next.status, { __type: next.error, message: 'refused' })
      else if (next !== null) reply(response, 200, { Name: name, SecretString: next })
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer(name, ...given) {
      answers.set(name, [...given])
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
  response.end(JSON.stringify(body))
}
