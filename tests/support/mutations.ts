import { change } from './neo.js'

/** Columns of `main.vals` of `rich-0.8.1.duckdb`, in order: column i travels as `ci`. */
const COLUMNS = [
  'id', 'flag', 'tiny', 'small', 'big', 'huge', 'ubig', 'f', 'd', 'dec18', 'dec38', 'word', 'other', 'bytes', 'bits', 'uid',
  'day', 'hour', 'hour_tz', 'moment', 'moment_tz', 'moment_s', 'moment_ms', 'moment_ns', 'span', 'feel', 'price',
  'list', 'lists', 'pair', 'pairs', 'dict', 'words', 'either', 'huges', 'spans',
] as const // prettier-ignore
type Column = (typeof COLUMNS)[number]

interface ValueMutation {
  readonly column: string
  readonly what: string
  /** SELECT over `exported`. */
  readonly query: string
}

function carrier(column: Column): string {
  return `c${COLUMNS.indexOf(column)}`
}

/** One value of one row, as it travels: `to` may say `it` for what is there. */
function value(column: Column, id: number, what: string, to: string): ValueMutation {
  const name = carrier(column)
  return { column, what, query: change(name, to.replaceAll(/\bit\b/g, name), `c0 = ${id}`) }
}

export const valueMutations: readonly ValueMutation[] = [
  value('flag', 1, 'true to false', 'NOT it'),
  value('flag', 3, 'NULL to false', 'false'),
  value('tiny', 1, 'plus one', '(it + 1)::TINYINT'),
  value('small', 1, 'another sign', '(-it)::SMALLINT'),
  value('big', 1, 'last digit beyond a double', '9007199254740992'),
  value('huge', 1, 'last digit', `'170141183460469231731687303715884105726'`),
  value('huge', 2, 'another sign', `'1'`),
  value('ubig', 1, 'last digit', '18446744073709551614'),
  value('f', 1, 'one ulp', '0.10000001::FLOAT + 1e-9::FLOAT'),
  value('f', 2, '-0.0 to 0.0', '0.0::FLOAT'),
  value('f', 4, 'NaN to NULL', 'NULL'),
  value('d', 1, 'one ulp', '0.10000000000000002::DOUBLE'),
  value('d', 2, '-0.0 to 0.0', '0.0::DOUBLE'),
  value('d', 4, 'infinity to the largest number', '1.7976931348623157e308::DOUBLE'),
  value('dec18', 1, 'last digit', '12345.679::DECIMAL(18, 3)'),
  value('dec38', 1, 'last digit', '1.0000000002::DECIMAL(38, 10)'),
  value('word', 1, 'one letter', `'wort'`),
  value('word', 2, `'' to NULL`, 'NULL'),
  value('word', 3, `NULL to ''`, `''`),
  value('word', 4, 'another normal form', 'nfc_normalize(it) || chr(0)'),
  value('other', 2, 'cut at NUL', `'a'`),
  value('other', 4, `'NULL' to NULL`, 'NULL'),
  value('bytes', 1, 'one byte', `'\\x00\\xFEabc'::BLOB`),
  value('bytes', 2, `'' to NULL`, 'NULL'),
  value('bits', 1, 'one bit', `'10100'`),
  value('bits', 2, 'one bit longer', `'00'`),
  value('uid', 1, 'last digit', `'550e8400-e29b-41d4-a716-446655440001'::UUID`),
  value('day', 1, 'one day', 'it + 1'),
  value('day', 4, 'infinity to NULL', 'NULL'),
  value('hour', 1, 'one microsecond', `TIME '12:34:56.789013'`),
  value('hour_tz', 2, 'another instant', `'00:00:01+00'`),
  value('moment', 1, 'one microsecond', `it + INTERVAL '1 microsecond'`),
  value('moment', 4, 'infinity to -infinity', `'-infinity'::TIMESTAMP`),
  value('moment_tz', 1, 'one microsecond', `it + INTERVAL '1 microsecond'`),
  value('moment_tz', 1, 'two hours', `it + INTERVAL '2 hours'`),
  value('moment_s', 1, 'one second', `it + INTERVAL '1 second'`),
  value('moment_ms', 1, 'one millisecond', `it + INTERVAL '1 millisecond'`),
  // A TIMESTAMP_NS travels as its hash.
  value('moment_ns', 1, 'one nanosecond', `hash(TIMESTAMP_NS '2020-02-29 12:34:56.789012001')`),
  value('span', 1, 'one microsecond', `'14,3,6'`),
  value('span', 2, 'another sign', `'1,0,0'`),
  value('span', 1, 'a month as 30 days', `'13,33,5'`),
  value('feel', 1, 'another label', `'ok'`),
  value('price', 1, 'plus one', 'it + 1'),
  value('list', 1, 'one item', '[1, 2, 4]'),
  value('list', 1, 'another order', '[3, 2, 1]'),
  value('list', 1, 'one item less', '[1, 2]'),
  value('list', 2, '[] to NULL', 'NULL'),
  value('list', 2, '[] to [NULL]', '[NULL]'),
  value('list', 3, 'NULL to []', '[]::INTEGER[]'),
  value('list', 4, '[NULL] to NULL', 'NULL'),
  value('list', 4, '[NULL] to []', '[]::INTEGER[]'),
  value('lists', 1, `'' to NULL, two deep`, `[['a', 'b'], [], [NULL]]`),
  value('lists', 1, 'brackets elsewhere', `[['a'], ['b'], ['']]`),
  value('lists', 4, 'NULL to []', '[[NULL], []]'),
  value('pair', 1, 'one field', `{'a': 2, 'b': 'x'}`),
  value('pair', 2, 'a struct of NULLs to NULL', 'NULL'),
  value('pair', 3, 'NULL to a struct of NULLs', `{'a': NULL, 'b': NULL}`),
  value('pair', 4, `'' to NULL in a field`, `{'a': 0, 'b': NULL}`),
  value('pairs', 1, 'one ulp, two deep', `[{'a': 1, 'b': 0.5000000000000001}, {'a': NULL, 'b': 1e300}]`),
  value('pairs', 1, 'NULL to 0, two deep', `[{'a': 1, 'b': 0.5}, {'a': 0, 'b': 1e300}]`),
  value('pairs', 4, '[NULL] to a struct of NULLs', `[{'a': NULL, 'b': NULL}]`),
  value('dict', 1, 'one value', `{'keys': ['k', 'l'], 'values': [1, 3]}`),
  value('dict', 1, 'one key', `{'keys': ['k', 'm'], 'values': [1, 2]}`),
  value('dict', 1, 'one entry less', `{'keys': ['k'], 'values': [1]}`),
  value('dict', 4, 'NULL to 0', `{'keys': ['', 'n'], 'values': [0, 0]}`),
  value('dict', 2, 'empty to NULL', 'NULL'),
  value('words', 1, 'two entries that print like one', `{'keys': ['a', 'c'], 'values': ['b', 'd']}`),
  value('words', 2, `'NULL' to NULL`, `{'keys': ['a'], 'values': [NULL]}`),
  value('words', 4, `NULL to 'NULL'`, `{'keys': ['a'], 'values': ['NULL']}`),
  value('either', 1, 'another tag', `{'tag': 'str', 'm0': NULL, 'm1': '1'}`),
  value('either', 1, 'another value', `{'tag': 'num', 'm0': 2, 'm1': NULL}`),
  value('either', 2, 'to NULL', 'NULL'),
  value('huges', 1, 'last digit in a list', `['1', '-170141183460469231731687303715884105726']`),
  value('spans', 1, 'a month as 30 days, in a list', `['0,30,0', '0,30,0']`),
  value('price', 3, 'NULL to 0', '0'),
]

interface RowMutation {
  readonly what: string
  readonly table: string
  readonly query: string
}

const numbered = 'SELECT *, row_number() OVER () AS n FROM exported'

export const rowMutations: readonly RowMutation[] = [
  { what: 'a row is lost', table: 'main.plain', query: 'FROM exported WHERE c0 <> 100' },
  {
    what: 'a row is doubled',
    table: 'main.plain',
    query: 'FROM exported UNION ALL FROM exported WHERE c0 = 100',
  },
  {
    what: 'a row is lost and another doubled',
    table: 'main.plain',
    query: 'FROM exported WHERE c0 <> 100 UNION ALL FROM exported WHERE c0 = 101',
  },
  {
    what: 'an equal pair is replaced by another',
    table: 'main.plain',
    query: `FROM exported WHERE c0 <> 7 UNION ALL FROM exported WHERE c0 = 8 UNION ALL FROM exported WHERE c0 = 8`,
  },
  { what: 'all rows are lost', table: 'main.plain', query: 'FROM exported WHERE false' },
  {
    what: 'two rows exchange a value',
    table: 'main.plain',
    query: `SELECT c0, CASE c0 WHEN 1 THEN 'note 2' WHEN 2 THEN 'note 1' ELSE c1 END AS c1 FROM exported`,
  },
  {
    what: 'two columns of a row exchange their values',
    table: 'main.vals',
    query: `SELECT * REPLACE (CASE WHEN c0 = 1 THEN c12 ELSE c11 END AS c11, CASE WHEN c0 = 1 THEN c11 ELSE c12 END AS c12) FROM exported`,
  },
  {
    what: 'two columns exchange all their values',
    table: 'main.vals',
    query: `SELECT * REPLACE (c11 AS c12, c12 AS c11) FROM exported`,
  },
  {
    what: 'a column becomes NULL',
    table: 'main.plain',
    query: 'SELECT c0, NULL::VARCHAR AS c1 FROM exported',
  },
  {
    what: 'a column moves down by a row',
    table: 'main.plain',
    query: `SELECT c0, lag(c1) OVER (ORDER BY n) AS c1 FROM (${numbered}) ORDER BY n`,
  },
  {
    what: 'the last row group is lost',
    table: 'main.chunks',
    query: `SELECT c0 FROM (${numbered}) WHERE n <= 122880`,
  },
  {
    what: 'the first row group comes twice, in place of the last',
    table: 'main.chunks',
    query: 'SELECT c0 FROM exported WHERE c0 < 122880 UNION ALL SELECT c0 FROM exported WHERE c0 < 2120',
  },
  {
    what: 'a generated value differs',
    table: 'main.derived',
    query: 'SELECT c0, c1 + 1 AS c1 FROM exported',
  },
  {
    what: 'a value changes in another schema',
    table: 'sales.orders',
    query: change('c1', '9.98::DECIMAL(10, 2)', 'c0 = 1'),
  },
  {
    what: 'only the case of a value with a collation changes',
    table: 'main.collated',
    query: `SELECT lower(c0) AS c0 FROM exported`,
  },
]

interface CatalogMutation {
  readonly what: string
  readonly named: RegExp
  readonly statements: readonly string[]
}

/** Makes a table anew, with its rows. */
function remake(table: string, definition: string, columns = '*'): string[] {
  return [
    `CREATE TEMP TABLE kept_rows AS SELECT ${columns} FROM ${table}`,
    `DROP TABLE ${table}`,
    `CREATE TABLE ${table} (${definition})`,
    `INSERT INTO ${table}${columns === '*' ? '' : ` (${columns})`} FROM kept_rows`,
  ]
}

/** Changes that files of both kinds can suffer; the objects have the same names in both. */
const COMMON: readonly CatalogMutation[] = [
  {
    what: 'a value',
    named: /column main\.plain\.note/,
    statements: [`UPDATE plain SET note = 'note 9' WHERE id = 3`],
  },
  {
    what: 'a value becomes NULL',
    named: /main\.plain\.note/,
    statements: [`UPDATE plain SET note = NULL WHERE id = 3`],
  },
  {
    what: 'a value of the same length in a key column',
    named: /column main\.parents\.name/,
    statements: [`UPDATE parents SET name = 'two' WHERE id = 1`],
  },
  {
    what: 'a row less',
    named: /main\.plain has 501 rows in the source and 500/,
    statements: ['DELETE FROM plain WHERE id = 3'],
  },
  {
    what: 'a row more',
    named: /main\.plain has 501 rows in the source and 502/,
    statements: [`INSERT INTO plain VALUES (3, 'note 3')`],
  },
  {
    what: 'an empty table gets a row',
    named: /main\.nothing/,
    statements: [`INSERT INTO nothing VALUES (1, NULL)`],
  },
  {
    what: 'a decimal digit in another schema',
    named: /sales\.orders/,
    statements: ['UPDATE sales.orders SET amount = 19.98 WHERE id = 2'],
  },
  { what: 'a table is missing', named: /main\.nothing|nothing/, statements: ['DROP TABLE nothing'] },
  { what: 'a table more', named: /extra/, statements: ['CREATE TABLE extra (a INTEGER)'] },
  { what: 'a schema is missing', named: /spare/, statements: ['DROP SCHEMA spare'] },
  { what: 'a schema more', named: /extra/, statements: ['CREATE SCHEMA extra'] },
  { what: 'an index is missing', named: /plain_id/, statements: ['DROP INDEX plain_id'] },
  {
    what: 'an index is no longer unique',
    named: /orders_id/,
    statements: ['DROP INDEX sales.orders_id', 'CREATE INDEX orders_id ON sales.orders (id)'],
  },
  {
    what: 'an index is unique now',
    named: /orders_two/,
    statements: [
      'DROP INDEX sales.orders_two',
      'CREATE UNIQUE INDEX orders_two ON sales.orders (id, amount)',
    ],
  },
  {
    what: 'an index is on another column',
    named: /plain_id/,
    statements: ['DROP INDEX plain_id', 'CREATE INDEX plain_id ON plain (note)'],
  },
  {
    what: 'an index lost a column',
    named: /orders_two/,
    statements: ['DROP INDEX sales.orders_two', 'CREATE INDEX orders_two ON sales.orders (id)'],
  },
  {
    what: 'an index has its columns in another order',
    named: /orders_two/,
    statements: ['DROP INDEX sales.orders_two', 'CREATE INDEX orders_two ON sales.orders (amount, id)'],
  },
  {
    what: 'an index has another expression',
    named: /plain_lower/,
    statements: ['DROP INDEX plain_lower', 'CREATE INDEX plain_lower ON plain (upper(note))'],
  },
  { what: 'an index more', named: /extra/, statements: ['CREATE INDEX extra ON plain (note)'] },
  { what: 'a view is missing', named: /big_notes/, statements: ['DROP VIEW big_notes'] },
  {
    what: 'a view has another condition',
    named: /big_notes/,
    statements: ['CREATE OR REPLACE VIEW big_notes AS SELECT id, note FROM plain WHERE id > 251'],
  },
  {
    what: 'a view has other column names',
    named: /sales.*named/,
    statements: ['CREATE OR REPLACE VIEW sales.named (number, sum) AS SELECT id, amount FROM sales.orders'],
  },
  { what: 'a view more', named: /extra/, statements: ['CREATE VIEW extra AS SELECT 1'] },
  { what: 'a macro is missing', named: /twice/, statements: ['DROP MACRO twice'] },
  {
    what: 'a macro has another body',
    named: /twice/,
    statements: ['CREATE OR REPLACE MACRO twice(a) AS a * 3'],
  },
  {
    what: 'a macro has another parameter',
    named: /twice/,
    statements: ['CREATE OR REPLACE MACRO twice(b) AS b * 2'],
  },
  {
    what: 'the default of an argument is another',
    named: /add_tax/,
    statements: ['CREATE OR REPLACE MACRO add_tax(a, rate := 21) AS a + a * rate / 100'],
  },
  {
    what: 'an argument has no default any more',
    named: /add_tax/,
    statements: ['CREATE OR REPLACE MACRO add_tax(a, rate) AS a + a * rate / 100'],
  },
  {
    what: 'a table macro has another body',
    named: /first_rows/,
    statements: ['CREATE OR REPLACE MACRO first_rows(n) AS TABLE SELECT * FROM plain ORDER BY note LIMIT n'],
  },
  { what: 'a sequence is one further', named: /numbers/, statements: [`SELECT nextval('numbers')`] },
  {
    what: 'an untouched sequence has given its first value',
    named: /steps/,
    statements: [`SELECT nextval('steps')`],
  },
  {
    what: 'a sequence has another increment',
    named: /steps/,
    statements: ['CREATE OR REPLACE SEQUENCE steps INCREMENT BY 4 MINVALUE 1 MAXVALUE 100 START 1 CYCLE'],
  },
  {
    what: 'a sequence no longer cycles',
    named: /steps/,
    statements: ['CREATE OR REPLACE SEQUENCE steps INCREMENT BY 3 MINVALUE 1 MAXVALUE 100 START 1 NO CYCLE'],
  },
  {
    what: 'a sequence has another maximum',
    named: /steps/,
    statements: ['CREATE OR REPLACE SEQUENCE steps INCREMENT BY 3 MINVALUE 1 MAXVALUE 101 START 1 CYCLE'],
  },
  { what: 'a sequence is missing', named: /steps/, statements: ['DROP SEQUENCE steps'] },
  {
    what: 'NOT NULL is missing',
    named: /checked/,
    statements: ['ALTER TABLE checked ALTER name DROP NOT NULL'],
  },
  {
    what: 'NOT NULL more',
    named: /plain/,
    statements: [
      'DROP INDEX plain_lower',
      'DROP INDEX plain_id',
      'ALTER TABLE plain ALTER id SET NOT NULL',
      'CREATE INDEX plain_id ON plain (id)',
      'CREATE INDEX plain_lower ON plain (lower(note))',
    ],
  },
  {
    what: 'a default is missing',
    named: /checked/,
    statements: ['ALTER TABLE checked ALTER pick DROP DEFAULT'],
  },
  {
    what: 'a default is another',
    named: /checked/,
    statements: [`ALTER TABLE checked ALTER pick SET DEFAULT 'some'`],
  },
  {
    what: 'a CHECK is missing',
    named: /checked/,
    statements: remake('checked', `n INTEGER, name VARCHAR NOT NULL, pick VARCHAR DEFAULT ('none')`),
  },
  {
    what: 'a CHECK is another',
    named: /checked/,
    statements: remake(
      'checked',
      `n INTEGER CHECK (n >= 0), name VARCHAR NOT NULL, pick VARCHAR DEFAULT ('none')`,
    ),
  },
  { what: 'a UNIQUE is missing', named: /uniq/, statements: remake('uniq', 'a INTEGER, b VARCHAR') },
  {
    what: 'a UNIQUE lost a column',
    named: /uniq/,
    statements: remake('uniq', 'a INTEGER UNIQUE, b VARCHAR'),
  },
  {
    what: 'a FOREIGN KEY is missing',
    named: /children/,
    statements: remake('children', 'id INTEGER, parent INTEGER'),
  },
  {
    what: 'a FOREIGN KEY to its own table is missing',
    named: /tree/,
    statements: remake('tree', 'id INTEGER PRIMARY KEY, parent INTEGER'),
  },
  {
    what: 'a PRIMARY KEY is missing',
    named: /tree/,
    statements: remake('tree', 'id INTEGER, parent INTEGER'),
  },
  {
    what: 'a PRIMARY KEY is UNIQUE only',
    named: /tree/,
    statements: [
      'DROP TABLE tree',
      'CREATE TABLE tree (id INTEGER UNIQUE, parent INTEGER REFERENCES tree (id))',
      'INSERT INTO tree VALUES (1, NULL)',
      'INSERT INTO tree VALUES (2, 1)',
    ],
  },
  { what: 'a collation is missing', named: /collated/, statements: remake('collated', 'name VARCHAR') },
  {
    what: 'a collation is another',
    named: /collated/,
    statements: remake('collated', 'name VARCHAR COLLATE NOACCENT'),
  },
  {
    what: 'a generated column is another',
    named: /derived/,
    statements: remake('derived', 'x INTEGER, twice INTEGER GENERATED ALWAYS AS (x + x)', 'x'),
  },
  {
    what: 'a generated column is stored',
    named: /derived/,
    statements: remake('derived', 'x INTEGER, twice INTEGER'),
  },
  {
    what: 'columns are in another order',
    named: /nothing/,
    statements: ['CREATE OR REPLACE TABLE nothing (note VARCHAR, id INTEGER)'],
  },
  {
    what: 'a column has another name',
    named: /nothing/,
    statements: ['ALTER TABLE nothing RENAME note TO remark'],
  },
  {
    what: 'a column has a wider type',
    named: /nothing/,
    statements: ['ALTER TABLE nothing ALTER id TYPE BIGINT'],
  },
  {
    what: 'a column has a wider type, with rows',
    named: /orders/,
    statements: [
      'DROP INDEX sales.orders_two',
      'DROP INDEX sales.orders_id',
      'ALTER TABLE sales.orders ALTER amount TYPE DECIMAL(11, 2)',
      'CREATE UNIQUE INDEX orders_id ON sales.orders (id)',
      'CREATE INDEX orders_two ON sales.orders (id, amount)',
    ],
  },
  { what: 'a column more', named: /nothing/, statements: ['ALTER TABLE nothing ADD COLUMN extra INTEGER'] },
  { what: 'a column less', named: /nothing/, statements: ['ALTER TABLE nothing DROP COLUMN note'] },
  { what: 'a type is missing', named: /cents/, statements: ['DROP TYPE cents'] },
  {
    what: 'an enum has a label more',
    named: /mood/,
    statements: [`DROP TYPE mood`, `CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'wild')`],
  },
]

export const catalogMutations: readonly CatalogMutation[] = [
  ...COMMON,
  {
    what: '-0.0 becomes 0.0',
    named: /column main\.vals\.d .*: the signs of its zeros/,
    // UPDATE leaves a value alone that is equal.
    statements: [
      'CREATE TEMP TABLE changed AS SELECT * REPLACE (0.0::DOUBLE AS d) FROM vals WHERE id = 2',
      'DELETE FROM vals WHERE id = 2',
      'INSERT INTO vals FROM changed',
    ],
  },
  {
    what: 'a list of NULL becomes empty',
    named: /column main\.vals\.list/,
    statements: ['UPDATE vals SET list = [] WHERE id = 4'],
  },
  {
    what: 'a month becomes 30 days',
    named: /column main\.vals\.spans/,
    statements: [`UPDATE vals SET spans = [INTERVAL '30 days', INTERVAL '30 days'] WHERE id = 1`],
  },
  {
    what: 'the tag of a union',
    named: /main\.vals/,
    statements: [`UPDATE vals SET either = union_value(str := '1') WHERE id = 1`],
  },
  {
    what: 'the last digit of a hugeint',
    named: /main\.vals/,
    statements: ['UPDATE vals SET huge = huge - 1 WHERE id = 1'],
  },
  {
    what: 'one microsecond',
    named: /main\.vals/,
    statements: [`UPDATE vals SET moment_tz = moment_tz + INTERVAL '1 microsecond' WHERE id = 1`],
  },
  {
    what: 'a value of a map',
    named: /main\.vals/,
    statements: [`UPDATE vals SET words = MAP(['a'], ['NULL']) WHERE id = 4`],
  },
  { what: 'an enum value', named: /main\.vals/, statements: [`UPDATE vals SET feel = 'sad' WHERE id = 4`] },
]

/** The same objects in a file of 1.x, with comments and types that only these releases know. */
export const stableSource: readonly string[] = [
  'CREATE SCHEMA sales',
  'CREATE SCHEMA spare',
  `CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')`,
  'CREATE TYPE cents AS BIGINT',
  'CREATE SEQUENCE numbers START 5',
  `SELECT nextval('numbers')`,
  'CREATE SEQUENCE steps INCREMENT BY 3 MINVALUE 1 MAXVALUE 100 START 1 CYCLE',
  'CREATE TABLE plain (id INTEGER, note VARCHAR)',
  `INSERT INTO plain SELECT i, 'note ' || (i % 7) FROM range(500) t(i)`,
  `INSERT INTO plain VALUES (7, 'note 0')`,
  'CREATE TABLE nothing (id INTEGER, note VARCHAR)',
  'CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR)',
  `INSERT INTO parents VALUES (1, 'one'), (2, 'two')`,
  'CREATE TABLE children (id INTEGER, parent INTEGER, FOREIGN KEY (parent) REFERENCES parents (id))',
  'INSERT INTO children VALUES (10, 1), (11, 2), (12, NULL)',
  'CREATE TABLE tree (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES tree (id))',
  'INSERT INTO tree VALUES (1, NULL)',
  'INSERT INTO tree VALUES (2, 1)',
  `CREATE TABLE checked (n INTEGER CHECK (n > 0), name VARCHAR NOT NULL, pick VARCHAR DEFAULT ('none'))`,
  `INSERT INTO checked VALUES (1, 'x', 'y')`,
  'CREATE TABLE uniq (a INTEGER, b VARCHAR, UNIQUE (a, b))',
  `INSERT INTO uniq VALUES (1, 'x'), (2, 'x')`,
  'CREATE TABLE collated (name VARCHAR COLLATE NOCASE)',
  `INSERT INTO collated VALUES ('Abc'), ('aBC')`,
  'CREATE TABLE derived (x INTEGER, twice INTEGER GENERATED ALWAYS AS (x * 2))',
  'INSERT INTO derived VALUES (1), (2)',
  'CREATE TABLE sales.orders (id INTEGER, amount DECIMAL(10, 2), "at" TIMESTAMP)',
  `INSERT INTO sales.orders VALUES (1, 9.99, '2020-01-01'), (2, 19.99, '2020-01-02')`,
  'CREATE INDEX plain_id ON plain (id)',
  'CREATE UNIQUE INDEX orders_id ON sales.orders (id)',
  'CREATE INDEX orders_two ON sales.orders (id, amount)',
  'CREATE INDEX plain_lower ON plain (lower(note))',
  'CREATE MACRO add_tax(a, rate := 20) AS a + a * rate / 100',
  'CREATE MACRO twice(a) AS a * 2',
  'CREATE MACRO first_rows(n) AS TABLE SELECT * FROM plain ORDER BY id LIMIT n',
  'CREATE VIEW big_notes AS SELECT id, note FROM plain WHERE id > 250',
  'CREATE VIEW sales.named (number, total) AS SELECT id, amount FROM sales.orders',
  `COMMENT ON TABLE plain IS 'of the table'`,
  `COMMENT ON COLUMN plain.note IS 'of the column'`,
  `COMMENT ON VIEW big_notes IS 'of the view'`,
  `COMMENT ON INDEX plain_id IS 'of the index'`,
  `COMMENT ON SEQUENCE numbers IS 'of the sequence'`,
  `COMMENT ON MACRO twice IS 'of the macro'`,
  `COMMENT ON TYPE mood IS 'of the type'`,
]

export const cloneMutations: readonly CatalogMutation[] = [
  ...COMMON,
  ...[
    'TABLE plain',
    'COLUMN plain.note',
    'VIEW big_notes',
    'INDEX plain_id',
    'SEQUENCE numbers',
    'MACRO twice',
    'TYPE mood',
  ].map((object) => ({
    what: `the comment on ${object}`,
    named: new RegExp(object.split(/[ .]/)[1] ?? ''),
    statements: [`COMMENT ON ${object} IS NULL`],
  })),
  {
    what: 'a comment has other words',
    named: /plain/,
    statements: [`COMMENT ON TABLE plain IS 'of a table'`],
  },
]
