import { onTestFinished } from 'vitest'
import { services } from './services.js'

/** Asks the management API of the tests' RabbitMQ; gives its JSON, if any. Rejects unless it agrees. */
export async function manage(method: string, path: string, body?: unknown): Promise<unknown> {
  const { origin, username, password } = new URL(services().rabbitManagementUrl)
  const authorization = `Basic ${Buffer.from(`${username}:${decodeURIComponent(password)}`).toString('base64')}`
  const response = await fetch(`${origin}/api/${path}`, {
    method,
    headers: { authorization, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

/** A policy for the queues of `/` whose names match `pattern`, until the test is over. */
export async function setPolicy(name: string, pattern: string, definition: object): Promise<void> {
  await manage('PUT', `policies/%2F/${name}`, { pattern, definition })
  onTestFinished(async () => {
    await manage('DELETE', `policies/%2F/${name}`)
  })
}
