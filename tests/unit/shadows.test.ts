import { expect, it } from 'vitest'
import { decode, encode } from '../../src/migration/rows/codec.js'
import { planCodec } from '../../src/migration/rows/codec-plan.js'
import { columnsQuery, digestQuery } from '../../src/migration/rows/digest.js'
import { isCalled, refuseEngineNames, refuseShadows } from '../../src/migration/catalog/shadows.js'
import { isSymbol, tokenize } from '../../src/migration/sql/sql.js'
import type { DuckType } from '../../src/migration/sql/types.js'

const scalar = (name: 'INTERVAL' | 'TIMESTAMP_NS' | 'VARCHAR' | 'BLOB' | 'DOUBLE'): DuckType => ({
  kind: 'scalar',
  name,
})
const TYPES: readonly DuckType[] = [
  ...(['INTERVAL', 'TIMESTAMP_NS', 'VARCHAR', 'BLOB', 'DOUBLE'] as const).map(scalar),
  { kind: 'list', item: scalar('INTERVAL') },
  { kind: 'list', item: scalar('VARCHAR') },
  { kind: 'struct', fields: [{ name: 'a', type: scalar('INTERVAL') }] },
  { kind: 'map', key: scalar('VARCHAR'), value: scalar('INTERVAL') },
  { kind: 'union', members: [{ name: 'a', type: scalar('DOUBLE') }] },
]
/** Words before a bracket that call no function that a macro could be. */
const SYNTAX = /^(AS|CAST|CASE|IN|coalesce|FROM|ELSE|THEN|DECIMAL|MAP|STRUCT|UNION|xor_)$/

function callsIn(sql: string): string[] {
  const tokens = tokenize(sql)
  return tokens.flatMap((token, i) =>
    token.kind === 'word' && isSymbol(tokens[i + 1], '(') && !SYNTAX.test(token.text) ? [token.text] : [],
  )
}

it.each([true, false])('knows every function that values pass (nanoseconds: %s)', (makeNanos) => {
  const codecs = TYPES.map((type) => planCodec(type, { mapKeys: true, makeNanos }))
  const terms = TYPES.map((type, i) => ({ value: `c${i}`, type }))
  const sql = [
    ...codecs.flatMap((codec) => [encode(codec, 'c'), decode(codec, 'c')]),
    digestQuery('t', terms, true),
    columnsQuery('t', terms),
  ]
  const calls = new Set(sql.flatMap(callsIn))
  expect(calls.size).toBeGreaterThan(20)
  expect([...calls].filter((name) => !isCalled(name))).toEqual([])
})

it('refuses macros of such a name in main, and no others', () => {
  const macro = (schema: string, name: string): { schema: string; name: string; definition: string } => ({
    schema,
    name,
    definition: '(a) AS (0)',
  })
  expect(() => {
    refuseShadows([macro('main', 'mine'), macro('main', 'Date_Part')])
  }).toThrow('macro main.Date_Part has the name of a function')
  refuseShadows([macro('main', 'mine'), macro('other', 'hash')])
})

it('refuses schemas that no name in two parts can mean', () => {
  const table = { schema: 'Temp', name: 'staged' }
  expect(() => {
    refuseEngineNames(['a', 'Temp'], [table])
  }).toThrow(/^schema Temp has the name of a database .*\(staged\) to another schema/)
  refuseEngineNames(['a', 'memory', 'temporary'], [])
})

it('a struct of many fields is hashed as a whole: taken apart, each field costs a copy of all of it', () => {
  const fields = Array.from({ length: 400 }, (_, i) => ({ name: `f${i}`, type: scalar('VARCHAR') }))
  for (const type of [
    { kind: 'struct', fields },
    { kind: 'list', item: { kind: 'struct', fields } },
  ] satisfies DuckType[])
    expect(digestQuery('t', [{ value: 's', type }], true).length).toBeLessThan(1_000)
})
