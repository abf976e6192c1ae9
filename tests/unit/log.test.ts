import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { readConfig } from '../../src/config.js'

const WRITE = `
import { createLog } from './dist/src/log.js'
createLog(process.argv[1]).job({ source: 'a.duckdb', outcome: 'migrated', error: null }, undefined)
createLog(process.argv[1]).job({ source: 'b.duckdb', outcome: 'failed', error: { code: 'corrupt', message: 'torn' } }, undefined)
`

function logged(level: string): unknown[] {
  const script = WRITE.trim()
  const said = execFileSync('sh', [
    '-c',
    `"$0" --input-type=module -e "$1" "$2" 2>&1 >/dev/null`,
    process.execPath,
    script,
    level,
  ])
  const lines = said.toString('utf8').split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as unknown)
}

it('writes a line of JSON for each job, from the level on', () => {
  expect(logged('info')).toMatchObject([
    { level: 30, source: 'a.duckdb', msg: 'migrated' },
    { level: 40, source: 'b.duckdb', msg: 'failed: torn' },
  ])
  expect(logged('warn')).toMatchObject([{ source: 'b.duckdb' }])
  expect(logged('silent')).toEqual([])
})

it('hides the passwords of addresses, whatever part of a line they are in', () => {
  const script = `
    import { createLog } from './dist/src/log.js'
    const cause = 'connect amqps://fleet:hunter2@broker:5671/prod failed'
    createLog('info').event('warn', cause, { url: 'postgres://app:hunter2@db/goal', password: 'hunter2' })
  `
  const said = execFileSync('sh', [
    '-c',
    `"$0" --input-type=module -e "$1" 2>&1 >/dev/null`,
    process.execPath,
    script,
  ]).toString('utf8')
  expect(said).toContain('amqps://***@broker:5671/prod')
  expect(said).not.toContain('hunter2')
})

it('refuses a level that there is not', () => {
  expect(readConfig({}).logLevel).toBeUndefined()
  expect(() => readConfig({ LOG_LEVEL: 'loud' })).toThrow(/LOG_LEVEL/)
})
