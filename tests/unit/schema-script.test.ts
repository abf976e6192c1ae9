import { describe, expect, it } from 'vitest'
import type { Sequence, Table } from '../../src/migration/catalog/catalog.js'
import { createSequence } from '../../src/migration/schema/ddl.js'
import { buildSchema } from '../../src/migration/schema/schema-script.js'
import { openTarget } from '../support/target-session.js'
import { EMPTY_CATALOG } from '../support/empty-catalog.js'

const TEXT = { kind: 'scalar', name: 'VARCHAR' } as const

function table(name: string, constraints: Table['constraints']): Table {
  const type = { kind: 'scalar', name: 'INTEGER' } as const
  const column = { nullable: true, default: undefined, generated: undefined, collation: undefined }
  return { schema: 'main', name, columns: [{ ...column, name: 'i', type }], constraints }
}

it('a refusal names the cause, not what waits for it', async () => {
  const child = (name: string, parent: string): Table =>
    table(name, [
      { kind: 'primary-key', columns: ['i'] },
      {
        kind: 'foreign-key',
        columns: ['i'],
        references: { schema: 'main', name: parent },
        referenced: ['i'],
      },
    ])
  const bad = table('z', [
    { kind: 'primary-key', columns: ['i'] },
    { kind: 'check', expression: 'nonsense(i)' },
  ])
  const tables = [child('a', 'b'), child('b', 'z'), bad]
  await expect(buildSchema(await openTarget(), { ...EMPTY_CATALOG, tables }, '0.8.1')).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(
      /^table main\.z cannot be carried over: .*nonsense.*\(2 more may only wait for it\)$/s,
    ) as string,
  })
})

describe('an exhausted sequence', () => {
  const MOST = '9223372036854775807'
  const LEAST = '-9223372036854775808'
  it.each([
    ['up', { increment: '1', min: '1', max: '3' }],
    ['down', { increment: '-2', min: '-5', max: '-1' }],
    ['up to the greatest number', { increment: '1', min: '1', max: MOST }],
    ['down to the least', { increment: '-3', min: LEAST, max: '-1' }],
  ])('that counts %s gives no other value', async (_, numbers) => {
    const target = await openTarget()
    const sequence: Sequence = { schema: 'main', name: 'q', next: undefined, cycle: false, ...numbers }
    for (const sql of createSequence(sequence)) await target.query(sql)
    await expect(target.query(`SELECT nextval('q')`)).rejects.toThrow(/reached (maximum|minimum) value/)
  })
})

it('an index on an expression keeps what a text in it makes of a number', async () => {
  const index = { schema: 'main', name: 'x', table: 't', unique: true, definition: `((COALESCE(i, '07')))` }
  const script = await buildSchema(
    await openTarget(),
    { ...EMPTY_CATALOG, tables: [table('t', [])], indexes: [index] },
    '0.8.1',
  )
  expect(script.indexes.join()).toContain(`COALESCE(CAST(i AS VARCHAR), CAST('07' AS VARCHAR))`)
})

it('a list whose text a function takes is reported, although the cast is only written for the target', async () => {
  const generated = { ...table('t', []).columns[0], name: 'g', type: TEXT, generated: 'reverse(l)' }
  const list = { ...generated, name: 'l', type: { kind: 'list', item: TEXT }, generated: undefined } as const
  const tables = [{ ...table('t', []), columns: [list, generated] } as Table]
  const index = { schema: 'main', name: 'x', table: 't', unique: false, definition: '((reverse(l)))' }
  const script = await buildSchema(
    await openTarget(),
    { ...EMPTY_CATALOG, tables, indexes: [index] },
    '0.8.1',
  )
  expect(script.warnings).toEqual([
    expect.stringMatching(/^index main\.x .*the text of a list/),
    expect.stringMatching(/^column main\.t\.g .*the text of a list/),
  ])
})
