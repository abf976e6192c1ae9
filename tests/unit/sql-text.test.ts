import { describe, expect, it } from 'vitest'
import { splitList, tokenize } from '../../src/migration/sql/sql.js'
import { splitIndex, splitView } from '../../src/migration/sql/statement-head.js'

describe('tokenize', () => {
  it('sees quotes, comments and dollar strings as one token or none', () => {
    const tokens = tokenize(`a "b""c" 'd''e' -- f 'g\n/* h ' */ $x$i'j$x$ 1.5e-3;`)
    expect(tokens.map(({ kind, text }) => `${kind}:${text}`)).toEqual([
      'word:a',
      'quoted:b"c',
      `string:'d''e'`,
      `string:$x$i'j$x$`,
      'number:1.5e-3',
      'symbol:;',
    ])
  })

  it('does not lose a character of text that ends inside a quote', () => {
    expect(
      tokenize(`'open`)
        .map(({ text }) => text)
        .join(''),
    ).toBe(`'open`)
  })
})

describe('splitList', () => {
  it('splits at commas outside brackets and quotes only', () => {
    expect(splitList(`a INTEGER, s STRUCT(x INTEGER, "y,z" VARCHAR), d DECIMAL(4,1) DEFAULT('a,b')`)).toEqual(
      ['a INTEGER', 's STRUCT(x INTEGER, "y,z" VARCHAR)', `d DECIMAL(4,1) DEFAULT('a,b')`],
    )
    expect(splitList('')).toEqual([])
  })
})

describe('splitView', () => {
  it.each([
    ['create view v as select 1', '', 'select 1'],
    ['CREATE OR REPLACE VIEW IF NOT EXISTS s."v w" (a, "b)") AS (select 1)\n;', '(a, "b)")', '(select 1)'],
    [
      'create view v as select \';\' as "as" /* ; */ from t -- end;\n;',
      '',
      `select ';' as "as" /* ; */ from t`,
    ],
    [
      'create /* view x as */ view as_ as with q as (select 1) select * from q',
      '',
      'with q as (select 1) select * from q',
    ],
    [
      'create recursive view s."v w"("n") as select 1 union select n + 1 from "v w" -- end\n;',
      '("n")',
      'WITH RECURSIVE "v w"("n") AS (select 1 union select n + 1 from "v w") SELECT * FROM "v w"',
    ],
  ])('takes apart %s', (sql, aliases, query) => {
    expect(splitView(sql)).toEqual({ aliases, query })
  })

  it('refuses what is no view, by name', () => {
    expect(() => splitView('create table t(a int)')).toThrow(/cannot read the definition of a view/)
  })
})

describe('splitIndex', () => {
  it.each([
    ['create index ix on t(i);', '(i)'],
    ['CREATE UNIQUE INDEX IF NOT EXISTS "on" ON s."t (x)" USING ART ((a + 1), "b)")\n;', '((a + 1), "b)")'],
  ])('takes apart %s', (sql, definition) => {
    expect(splitIndex(sql)).toEqual({ definition })
  })
})
