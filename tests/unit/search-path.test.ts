import { describe, expect, it } from 'vitest'
import type { Catalog, Column, View } from '../../src/migration/catalog/catalog.js'
import { qualifyMain } from '../../src/migration/meaning/search-path.js'
import { parseTree, printTree } from '../../src/migration/meaning/syntax-tree.js'
import { openTarget } from '../support/target-session.js'

const NUMBERS = {
  next: '1',
  increment: '1',
  min: '1',
  max: '9',
  cycle: false,
}

/** Everything named `x` is in `main` and in `s`. */
function catalog(objects: Partial<Catalog>): Catalog {
  const inBoth = <T extends object>(object: T): (T & { schema: string; name: string })[] =>
    ['main', 's'].map((schema) => ({ ...object, schema, name: 'x' }))
  return {
    database: undefined,
    schemas: ['s'],
    types: inBoth({ type: { kind: 'enum', labels: ['a'], named: undefined } } as const),
    sequences: inBoth(NUMBERS),
    tables: inBoth({ columns: [], constraints: [] }),
    indexes: [],
    views: [],
    macros: inBoth({ definition: '() AS 1' }),
    ...objects,
  }
}

function view(query: string, schema = 's'): View {
  return { schema, name: 'v', aliases: '', query, columns: [], recorded: [] }
}

async function qualifiedQuery(query: string, schema?: string): Promise<string | undefined> {
  const { views } = await qualifyMain(await openTarget(), catalog({ views: [view(query, schema)] }))
  return views[0]?.query
}

describe('qualifyMain', () => {
  it.each([
    ['SELECT a FROM x WHERE a < 1e3', 'SELECT a FROM main.x WHERE a < 1e3'],
    [
      `select 'é "x"', 9007199254740993, 12345678901.1234567 from "X" tablesample 100%`,
      `select 'é "x"', 9007199254740993, 12345678901.1234567 from main."X" tablesample 100%`,
    ],
    ['with x as (select 1) select x(2) from x', 'with x as (select 1) select main.x(2) from x'],
    ['select * from s.x, main.x, x(1), y.x', 'select * from s.x, main.x, main.x(1), y.x'],
    [`select nextval('x'), currval('"x"')`, `select nextval('main.x'), currval('main."x"')`],
    [`select nextval('s.x'), lower('x') as x /* x */`, `select nextval('s.x'), lower('x') as x /* x */`],
    [`select 'a'::x, 5 as x`, `SELECT CAST('a' AS main."x"), 5 AS x`],
    ['select y from z', 'select y from z'],
  ])('makes of %s only what keeps its meaning', async (query, wanted) => {
    expect(await qualifiedQuery(query)).toBe(wanted)
    expect(await qualifiedQuery(query, 'main')).toBe(query)
  })

  it('refuses what the engine would print as something else', async () => {
    await expect(qualifiedQuery(`select 'a'::x, 1e3`)).rejects.toThrow(/view s.v names something/)
  })

  it('looks into macros wherever they are, and into defaults', async () => {
    const column = { name: 'c', type: { kind: 'scalar', name: 'INTEGER' }, nullable: true } as const
    const read = catalog({})
    const found = await qualifyMain(await openTarget(), {
      ...read,
      macros: [
        ...read.macros,
        { schema: 'main', name: 'm', definition: '("a", "b" := 5) AS ((SELECT max(i) FROM x))' },
        { schema: 's', name: 't', definition: '() AS TABLE SELECT 1e2, * FROM x' },
      ],
      tables: [
        ...read.tables,
        {
          schema: 's',
          name: 'd',
          columns: [{ ...column, default: `nextval('x')` } as Column],
          constraints: [],
        },
      ],
    })
    expect(found.macros.slice(2).map(({ definition }) => definition)).toEqual([
      '("a", "b" := 5) AS ((SELECT max(i) FROM main.x))',
      '() AS TABLE SELECT 1e2, * FROM main.x',
    ])
    expect(found.tables.at(-1)?.columns[0]?.default).toBe(`nextval('main.x')`)
  })
})

describe('a tree that is read and printed', () => {
  it('keeps every number and string as it was', () => {
    const json = String.raw`{"a":9007199254740993,"b":[1000.0,-5,1e-7,-0.0,Infinity,18446744073709551615],"c":"1.0, \"x\": 2 \\","d":"{\"duckfleet number\":\"1\"}","e":null}`
    expect(printTree(parseTree(json))).toBe(json)
  })
})
