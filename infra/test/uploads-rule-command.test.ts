import { execFile } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from './support.js'

const COMMAND = path.resolve(import.meta.dirname, '../dist/uploads-rule.js')

/** Runs the command with an `aws` that answers like this, and writes down what it was called with. */
async function run(
  rules: string,
  ...args: string[]
): Promise<{ code: number; out: string; err: string; calls: readonly string[] }> {
  const folder = temporaryFolder()
  const calls = path.join(folder, 'calls')
  writeFileSync(calls, '')
  const aws = path.join(folder, 'aws')
  writeFileSync(
    aws,
    `#!/bin/sh\nprintf '%s ' "$@" | tr '\\n' ' ' >>${calls}\necho >>${calls}\ncase $2 in get-*) ${rules} ;; esac\n`,
  )
  chmodSync(aws, 0o755)
  const env = { PATH: `${folder}:/usr/local/bin:/usr/bin:/bin` }
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { env, timeout: 30_000 }, (error, out, err) => {
      const code = typeof error?.code === 'number' ? error.code : error === null ? 0 : 1
      const lines = readFileSync(calls, 'utf8').split('\n')
      resolve({ code, out, err, calls: lines.filter((line) => line !== '') })
    })
  })
}

const NONE = 'echo "An error occurred (NoSuchLifecycleConfiguration) when calling" >&2; exit 254'
const ONE =
  'echo \'{"TransitionDefaultMinimumObjectSize":"varies_by_storage_class","Rules":[{"ID":"mine","Status":"Enabled","Filter":{"Prefix":"a/"},"Expiration":{"Days":1}}]}\''

describe('npm run uploads-rule', () => {
  it('writes nothing without --apply', async () => {
    const { code, out, calls } = await run(NONE, 'some-bucket')
    expect(code).toBe(0)
    expect(out).toContain('"stranded-uploads"')
    expect(calls.map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual([
      's3api get-bucket-lifecycle-configuration --bucket some-bucket',
    ])
  })

  it('writes the rules that were there, the new one, and what S3 takes beside them', async () => {
    const { code, calls } = await run(ONE, 'some-bucket', '--days', '3', '--apply')
    expect(code).toBe(0)
    expect(calls).toHaveLength(2)
    expect(calls[1]).toMatch(/^s3api put-bucket-lifecycle-configuration --bucket some-bucket/)
    expect(calls[1]).toMatch(/"mine".*"Days": 1.*"stranded-uploads".*"DaysAfterInitiation": 3/)
    expect(calls[1]).toContain('--transition-default-minimum-object-size varies_by_storage_class')
  })

  it('writes nothing when the rules cannot be read', async () => {
    const { code, err, calls } = await run('echo "AccessDenied: no" >&2; exit 254', 'some-bucket', '--apply')
    expect(code).toBe(1)
    expect(err).toContain('AccessDenied')
    expect(calls).toHaveLength(1)
  })

  it('needs a bucket, and days that are a number', async () => {
    for (const args of [[], ['a', 'b'], ['a', '--days', 'x']])
      expect(await run(NONE, ...args)).toMatchObject({ code: 2, calls: [] })
  })
})
