import { describe, expect, it } from 'vitest'
import type { Column, Table } from '../../src/migration/catalog/catalog.js'
import { createSequence, createTable } from '../../src/migration/schema/ddl.js'
import { dependencyOrder } from '../../src/migration/catalog/order.js'
import { parseMacros, withoutPrefix } from '../../src/migration/scratch.js'
import { generatedExpressions } from '../../src/migration/catalog/table-reader.js'
import type { ScalarName } from '../../src/migration/sql/types.js'

function column(name: string, type: ScalarName = 'INTEGER', more: Partial<Column> = {}): Column {
  const none = { default: undefined, generated: undefined, collation: undefined }
  return { name, type: { kind: 'scalar', name: type }, nullable: true, ...none, ...more }
}

function table(name: string, columns: Column[], constraints: Table['constraints'] = []): Table {
  return { schema: 'main', name, columns, constraints }
}

describe('generatedExpressions', () => {
  it('finds them by position, whatever stands around', () => {
    const sql = `CREATE TABLE t(a STRUCT(x y INTEGER, "z)" INTEGER), g INTEGER GENERATED ALWAYS AS(CAST((a + 1) AS INTEGER)), c VARCHAR DEFAULT('generated always as (1)'), CHECK((c != ', ')));`
    const types = ['STRUCT(x y INTEGER, "z)" INTEGER)', 'INTEGER', 'VARCHAR']
    expect([...generatedExpressions(sql, types)]).toEqual([[1, 'CAST((a + 1) AS INTEGER)']])
  })

  it('finds them after types and before foreign keys whose names have brackets and no quotes', () => {
    const types = ['UNION((b STRUCT("c]" INTEGER), d, INTEGER)', 'BOOLEAN']
    const columns = `"a b" ${types[0] ?? ''}, "g h" ${types[1] ?? ''} GENERATED ALWAYS AS(("a b" IS NULL))`
    const sql = `CREATE TABLE "(t"(${columns}, FOREIGN KEY (i) REFERENCES (u(j));`
    expect([...generatedExpressions(sql, types)]).toEqual([[1, '("a b" IS NULL)']])
  })
})

describe('parseMacros', () => {
  const schema = [
    'CREATE SCHEMA s;',
    '',
    `CREATE MACRO main.my m(a, x y := 'it''s, ) as (', z := -5) AS ((a || "x y"));`,
    'CREATE MACRO s.t(n) AS TABLE (SELECT * FROM range(n) WHERE (i > 1));',
    '',
  ].join('\n')

  it('quotes what the export leaves unquoted', () => {
    const known = [
      { schema: 'main', name: 'my m', parameters: ['a', 'x y', 'z'], scalar: true, definition: '' },
      { schema: 's', name: 't', parameters: ['n'], scalar: false, definition: '' },
    ]
    expect(parseMacros(schema, known).map(({ definition }) => definition)).toEqual([
      `("a", "x y" := 'it''s, ) as (', "z" := -5) AS ((a || "x y"))`,
      '("n") AS TABLE (SELECT * FROM range(n) WHERE (i > 1))',
    ])
  })

  it('refuses a macro that is not what the catalog says', () => {
    const other = [{ schema: 's', name: 't', parameters: ['other'], scalar: false, definition: '' }]
    expect(() => parseMacros(schema, other)).toThrow(/macro s\.t/)
  })

  it('refuses to choose where a name or a text looks like the macro too', () => {
    const named = `CREATE SEQUENCE x\nCREATE MACRO s.t(n) AS TABLE (SELECT 1);\n--;\n${schema}`
    const known = [{ schema: 's', name: 't', parameters: ['n'], scalar: false, definition: '' }]
    expect(() => parseMacros(named, known)).toThrow(/macro s\.t/)
  })
})

describe('withoutPrefix', () => {
  it('leaves texts and other names alone', () => {
    const printed = `(("0_macro_parametersm""x".a + "0_macro_parametersn".b) || '"0_macro_parametersm""x".a')`
    expect(withoutPrefix(printed, 'm"x')).toBe(
      `((a + "0_macro_parametersn".b) || '"0_macro_parametersm""x".a')`,
    )
  })
})

describe('createTable', () => {
  it('quotes every name and keeps every clause', () => {
    const sql = createTable(
      table(
        'T "x"',
        [
          column('select', 'INTEGER', { nullable: false }),
          column('v', 'VARCHAR', { collation: 'NOCASE', default: `'it''s'` }),
          column('g', 'INTEGER', { generated: '("select" + 1)' }),
        ],
        [
          { kind: 'primary-key', columns: ['select'] },
          { kind: 'check', expression: `(v <> '')` },
          { kind: 'foreign-key', columns: ['v'], references: { schema: 'S', name: 'p' }, referenced: ['q'] },
        ],
      ),
    )
    expect(sql).toBe(
      `CREATE TABLE "main"."T ""x""" ("select" INTEGER NOT NULL, "v" VARCHAR COLLATE NOCASE DEFAULT ('it''s'), ` +
        `"g" INTEGER GENERATED ALWAYS AS (("select" + 1)) VIRTUAL, PRIMARY KEY ("select"), CHECK ((v <> '')), ` +
        `FOREIGN KEY ("v") REFERENCES "S"."p" ("q"))`,
    )
  })
})

describe('createSequence', () => {
  const limits = { schema: 'main', name: 'q', increment: '-2', min: '-5', max: '10', cycle: false }

  it('starts at the next value', () => {
    expect(createSequence({ ...limits, next: '7' })).toEqual([
      'CREATE SEQUENCE "main"."q" INCREMENT BY -2 MINVALUE -5 MAXVALUE 10 START 7 NO CYCLE',
    ])
  })

  it('takes the last value of an exhausted one', () => {
    const [create, advance] = createSequence({ ...limits, next: undefined })
    expect(create).toContain('START -5')
    expect(advance).toBe(`SELECT nextval('"main"."q"')`)
  })
})

describe('dependencyOrder', () => {
  const refersTo = (name: string): Table['constraints'] => [
    { kind: 'foreign-key', columns: ['a'], references: { schema: 'main', name }, referenced: ['a'] },
  ]

  it('puts parents first and lets a table refer to itself', () => {
    const tables = [
      table('a', [], refersTo('b')),
      table('b', [], refersTo('c')),
      table('c', [], refersTo('c')),
    ]
    expect(dependencyOrder(tables).map(({ name }) => name)).toEqual(['c', 'b', 'a'])
  })

  it('names the tables of a circle', () => {
    const tables = [table('a', [], refersTo('b')), table('b', [], refersTo('a'))]
    expect(() => dependencyOrder(tables)).toThrow('main.a, main.b')
  })
})
