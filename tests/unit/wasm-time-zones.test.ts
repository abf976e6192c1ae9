import { expect, it } from 'vitest'
import { attachWithStandIns, lacksTimeZones } from '../../src/engine/drivers/wasm-time-zones.js'

const noMatch = (call: string): Error =>
  new Error(`Binder Error: No function matches the given name and argument types '${call}'. You might need …`)

/** Attaches once macros of these names are there; each engine begins with none. */
function engines(...needs: readonly [name: string, call: string][]): {
  said: string[]
  anew: () => { query(sql: string): void; close(): void }
} {
  const said: string[] = []
  const anew = (): ReturnType<ReturnType<typeof engines>['anew']> => {
    const from = said.push('anew')
    return {
      close: () => undefined,
      query(sql) {
        said.push(sql)
        const here = said.slice(from)
        const missing = needs.find(
          ([name]) => !here.some((one) => one.startsWith(`CREATE MACRO main."${name}"(`)),
        )
        if (sql.startsWith('ATTACH') && missing) throw noMatch(missing[1])
      },
    }
  }
  return { said, anew }
}

it('macros stand in for what is missing while the file is attached', () => {
  const first = '-(TIMESTAMP WITH TIME ZONE, INTERVAL)'
  const { anew, said } = engines(['-', first], ['year', 'year(TIMESTAMP WITH TIME ZONE)'])
  const use = attachWithStandIns(anew, { path: '/job/it"s a.b.duckdb', mode: 'read' }, noMatch(first))
  expect(use).toBe('USE "it""s a.b"')
  expect(said).toEqual([
    'anew',
    'CREATE MACRO main."-"(p0, p1) AS NULL',
    `ATTACH '/job/it"s a.b.duckdb' AS "it""s a.b" (READ_ONLY)`,
    'anew',
    'CREATE MACRO main."-"(p0, p1) AS NULL',
    'CREATE MACRO main."year"(p0) AS NULL',
    `ATTACH '/job/it"s a.b.duckdb' AS "it""s a.b" (READ_ONLY)`,
  ])
})

it('whatever else is wrong is said as it is', () => {
  const complaint = noMatch('-(TIMESTAMP WITH TIME ZONE, INTERVAL)')
  const { anew } = engines(['-', '-(TIMESTAMP WITH TIME ZONE, INTERVAL)'], ['f', 'f(INTEGER)'])
  expect(() => attachWithStandIns(anew, { path: 'a.duckdb', mode: 'read' }, complaint)).toThrow(complaint)
  expect(lacksTimeZones(noMatch('f(INTEGER)'))).toBe(false)
  expect(lacksTimeZones(complaint)).toBe(true)
})
