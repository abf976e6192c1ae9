import { expect, it } from 'vitest'
import { attachInstead, lacksExtension } from '../../src/engine/drivers/wasm-attach.js'

const noMatch = (call: string): Error =>
  new Error(`Binder Error: No function matches the given name and argument types '${call}'. You might need …`)

/** Attaches once macros of these names are there; each engine begins with none. */
function engines(...needs: readonly [name: string, call: string | Error][]): {
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
        if (sql.startsWith('ATTACH') && missing)
          throw typeof missing[1] === 'string' ? noMatch(missing[1]) : missing[1]
      },
    }
  }
  return { said, anew }
}

it('macros stand in for what is missing while the file is attached', () => {
  const first = '-(TIMESTAMP WITH TIME ZONE, INTERVAL)'
  const { anew, said } = engines(['-', first], ['year', 'year(TIMESTAMP WITH TIME ZONE)'])
  const use = attachInstead(anew, { path: '/job/it"s a.b.duckdb', mode: 'read' }, noMatch(first))
  expect(use).toBe(`SET search_path = '"it""s a.b".main'`)
  expect(said).toEqual([
    'anew',
    `ATTACH '/job/it"s a.b.duckdb' AS "it""s a.b" (READ_ONLY)`,
    'anew',
    'CREATE MACRO main."-"(p0, p1) AS NULL',
    `ATTACH '/job/it"s a.b.duckdb' AS "it""s a.b" (READ_ONLY)`,
    'anew',
    'CREATE MACRO main."-"(p0, p1) AS NULL',
    'CREATE MACRO main."year"(p0) AS NULL',
    `ATTACH '/job/it"s a.b.duckdb' AS "it""s a.b" (READ_ONLY)`,
  ])
})

it('a function stands in as well that does not know of what type another stand-in is', () => {
  const first = noMatch('timezone(VARCHAR, TIMESTAMP WITH TIME ZONE)')
  const unsure = new Error(
    'Binder Error: Could not choose a best candidate function for the function call "date_trunc(VARCHAR, NULL)". In order to select one, please add explicit type casts.\n\tCandidate functions:\n\tdate_trunc(VARCHAR, TIMESTAMP) -> TIMESTAMP\n',
  )
  const { anew, said } = engines(
    ['timezone', 'timezone(VARCHAR, TIMESTAMP WITH TIME ZONE)'],
    ['date_trunc', unsure],
  )
  attachInstead(anew, { path: 'a.duckdb', mode: 'read' }, first)
  expect(said.slice(-3, -1)).toEqual([
    'CREATE MACRO main."timezone"(p0, p1) AS NULL',
    'CREATE MACRO main."date_trunc"(p0, p1) AS NULL',
  ])
})

it('whatever else is wrong is said as it is', () => {
  const complaint = noMatch('-(TIMESTAMP WITH TIME ZONE, INTERVAL)')
  const attachedWith = (other: Error): string =>
    attachInstead(
      () => ({
        close: () => undefined,
        query(sql) {
          if (sql.startsWith('ATTACH')) throw other
        },
      }),
      { path: 'a.duckdb', mode: 'read' },
      complaint,
    )
  expect(() => attachedWith(new Error('Parser Error: syntax error at or near "ATTACH"'))).toThrow(complaint)
  // The file does not get that far before.
  const damage = new Error('IO Error: Checksum mismatch')
  expect(() => attachedWith(damage)).toThrow(damage)
  expect(lacksExtension(noMatch('timezone(VARCHAR, TIMESTAMP)'))).toBe(true)
  expect(lacksExtension(complaint)).toBe(true)
  const late =
    'Catalog Error: Function with name "json_valid" is not in the catalog, but it exists in the json extension.'
  expect(lacksExtension(new Error(late))).toBe(true)
})

it('how many arguments an unknown function takes is told by its stand-in', () => {
  const said: string[] = []
  const anew = (): { query(sql: string): void; close(): void } => ({
    close: () => undefined,
    query(sql) {
      said.push(sql)
      if (!sql.startsWith('ATTACH') || said.at(-2) === 'CREATE MACRO main."json_extract"(p0, p1) AS NULL')
        return
      if (said.at(-2) === 'CREATE MACRO main."json_extract"(p0) AS NULL')
        throw new Error(
          "Binder Error: Macro function 'json_extract(p0)' requires a single positional argument, but 2 positional arguments were provided.",
        )
      throw new Error(
        'Catalog Error: Function with name "json_extract" is not in the catalog, but it exists in the json extension.',
      )
    },
  })
  expect(attachInstead(anew, { path: '/job/a.duckdb', mode: 'read' }, new Error('first'))).toBe(
    `SET search_path = '"a".main'`,
  )
})

it('a type stands in for JSON, also beside macros', () => {
  const said: string[] = []
  const complaints = [
    'Catalog Error: Type with name JSON does not exist!',
    'Catalog Error: Function with name "json_valid" is not in the catalog',
  ]
  const anew = () => ({
    close: () => undefined,
    query(sql: string) {
      said.push(sql)
      const complaint = sql.startsWith('ATTACH') ? complaints.shift() : undefined
      if (complaint !== undefined) throw new Error(complaint)
    },
  })
  const first = new Error('Catalog Error: Type with name JSON does not exist!')
  expect(lacksExtension(first)).toBe(true)
  attachInstead(anew, { path: 'a.duckdb', mode: 'read' }, first)
  expect(said.slice(-3)).toEqual([
    'CREATE TYPE main."JSON" AS VARCHAR',
    'CREATE MACRO main."json_valid"(p0) AS NULL',
    `ATTACH 'a.duckdb' AS "a" (READ_ONLY)`,
  ])
  const own = new Error('Catalog Error: Type with name mood does not exist!')
  expect(lacksExtension(own)).toBe(false)
})
