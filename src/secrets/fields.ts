import { z } from 'zod'
import { DuckfleetError } from '../errors.js'

/** What a secret or an address holds, as it was found. */
export type Fields = Readonly<Record<string, unknown>>

const text = z.string({ error: ({ input }) => (input === undefined ? 'is missing' : 'is no text') })
const port = z.coerce
  .number({ error: 'is no port number' })
  .int('is no port number')
  .min(1, 'is no port number')
  .max(65_535, 'is no port number')
const tls = z.preprocess(readFlag, z.boolean({ error: 'is neither true nor false' }))

const common = { host: text, user: text, password: text, tls }

/** Of RabbitMQ. Amazon MQ speaks TLS only. */
export const rabbit = z.preprocess(
  (raw: Fields) => {
    const read = serverFields(raw)
    const given = first(raw, 'tls', 'ssl', 'use_ssl')
    const amazon = /\.amazonaws\.com(\.cn)?$/.test(String(read.host))
    const encrypted = given ?? Number(read.port ?? (amazon ? 5671 : 5672)) === 5671
    const port = read.port ?? (readFlag(encrypted) === true ? 5671 : 5672)
    return { ...read, port, tls: encrypted, vhost: first(raw, 'virtualhost', 'virtual_host', 'vhost') ?? '/' }
  },
  z.object({ ...common, port, vhost: text }),
)

/** Of Postgres. */
export const database = z.preprocess(
  (raw: Fields) => ({
    ...serverFields(raw),
    port: serverFields(raw).port ?? 5432,
    tls: first(raw, 'tls', 'ssl', 'sslmode') ?? false,
    database: first(raw, 'dbname', 'database', 'db'),
  }),
  z.object({ ...common, port, database: text }),
)

function serverFields(raw: Fields): Readonly<Record<'host' | 'port' | 'user' | 'password', unknown>> {
  return {
    host: first(raw, 'host', 'hostname'),
    port: first(raw, 'port'),
    user: first(raw, 'username', 'user'),
    password: first(raw, 'password'),
  }
}

/** The first of these fields that says something. */
function first(raw: Fields, ...names: readonly string[]): unknown {
  return names.map((name) => raw[name]).find((value) => value !== undefined && value !== null && value !== '')
}

/** Flags in the spellings that are about; the certificate is checked by whatever mode asks for encryption. */
function readFlag(value: unknown): unknown {
  const word = String(value).toLowerCase()
  if (['true', '1', 'yes', 'on', 'require', 'verify-ca', 'verify-full'].includes(word)) return true
  if (['false', '0', 'no', 'off', 'disable', 'allow', 'prefer'].includes(word)) return false
  return value
}

/** What fields are called in secrets and addresses. */
const SPOKEN: Readonly<Record<string, string>> = {
  user: 'username',
  database: 'dbname',
  vhost: 'virtualhost',
  tls: 'tls (or ssl)',
}

/** Throws a DuckfleetError `usage` with every problem, and no value. */
export function validate<T>(schema: z.ZodType<T>, raw: Fields, what: string): T {
  const result = schema.safeParse(raw)
  if (result.success) return result.data
  const problems = result.error.issues.map(({ path, message }) => {
    const field = path.join('.')
    return `${SPOKEN[field] ?? field} ${message}`
  })
  throw new DuckfleetError('usage', `${what}: ${problems.join(', ')}`)
}
