import { expect, it } from 'vitest'
import { attachWithStandIns, lacksTimeZones } from '../../src/engine/drivers/wasm-time-zones.js'

const noMatch = (call: string): Error =>
  new Error(`Binder Error: No function matches the given name and argument types '${call}'. You might need …`)

/** Attaches once macros of these names are there. */
function engine(...needs: readonly [name: string, call: string][]): {
  said: string[]
  query(sql: string): void
} {
  const said: string[] = []
  return {
    said,
    query(sql) {
      said.push(sql)
      const missing = needs.find(
        ([name]) => !said.some((one) => one.startsWith(`CREATE MACRO main."${name}"(`)),
      )
      if (sql.startsWith('ATTACH') && missing) throw noMatch(missing[1])
    },
  }
}

it('macros stand in for what is missing while the file is attached', () => {
  const first = '-(TIMESTAMP WITH TIME ZONE, INTERVAL)'
  const connection = engine(['-', first], ['year', 'year(TIMESTAMP WITH TIME ZONE)'])
  const use = attachWithStandIns(connection, { path: '/job/it"s a.b.duckdb', mode: 'read' }, noMatch(first))
  expect(use).toBe('USE "it""s a.b"')
  expect(connection.said).toEqual([
    'CREATE MACRO main."-"(p0, p1) AS NULL',
    `ATTACH '/job/it"s a.b.duckdb' AS "it""s a.b" (READ_ONLY)`,
    'CREATE MACRO main."year"(p0) AS NULL',
    `ATTACH '/job/it"s a.b.duckdb' AS "it""s a.b" (READ_ONLY)`,
  ])
})

it('whatever else is wrong is said as it is', () => {
  const complaint = noMatch('-(TIMESTAMP WITH TIME ZONE, INTERVAL)')
  const connection = engine(['-', '-(TIMESTAMP WITH TIME ZONE, INTERVAL)'], ['f', 'f(INTEGER)'])
  expect(() => attachWithStandIns(connection, { path: 'a.duckdb', mode: 'read' }, complaint)).toThrow(
    complaint,
  )
  expect(lacksTimeZones(noMatch('f(INTEGER)'))).toBe(false)
  expect(lacksTimeZones(complaint)).toBe(true)
})
