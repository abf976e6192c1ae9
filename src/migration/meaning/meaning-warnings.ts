import { type Catalog, display } from '../catalog/catalog.js'
import { divisionsIn, mayBeZero, slices } from './kept-meaning.js'
import { type Session, SqlError } from '../sql/session.js'
import { besideList, calls, callsIn, type Change, type Columns, isNamed } from './meaning-change.js'
import { isSymbol, isWord, type Token, tokenize } from '../sql/sql.js'
import { TEXT_CHANGES } from './text-changes.js'
import { FUNCTION_CHANGES } from './function-changes.js'

/** Each was seen in 0.8.1 and in 1.5.6; a test asks both. */
export const CHANGES: readonly Change[] = [
  {
    probe: '(1 / 0) IS NULL',
    holds: (tokens, sql) => divisionsIn(tokens).some(({ end }) => mayBeZero(sql.slice(end))),
    what: 'a number divided by 0 was NULL and is inf or nan: write x / nullif(y, 0)',
  },
  {
    probe: `typeof(map(['k'], [1])['k']) = 'INTEGER[]'`,
    holds: (tokens, _, { maps, nested }) =>
      tokens.some((token, i) => {
        const name = token.text.toLowerCase()
        const [next, after, key] = [tokens[i + 1], tokens[i + 2], tokens[i + 4]]
        // A macro's parameter may be any map.
        const isAny = after?.kind === 'string' && isSymbol(tokens[i + 3], ']') && !BEFORE_A_LIST.test(name)
        if (isName(token) && isAny && maps.size > 0 && isSymbol(next, '['))
          return !nested.has(name) || maps.has(name)
        if (name === 'array_extract' && isSymbol(next, '('))
          return maps.has(after?.text.toLowerCase() ?? '') || (key?.kind === 'string' && maps.size > 0)
        return maps.has(name) && isSymbol(next, '[')
      }),
    what: 'a subscript of a MAP was a list and is a value: write coalesce(map_extract(m, k), []) for m[k]',
  },
  {
    probe: `([1, 2, 3])[1:-1] = [1, 2] AND ('a')[-2:] IS NULL`,
    holds: (_, sql) =>
      slices(sql).some(({ from, to }) => [from, to].some((bound) => bound !== '' && !/^\d+$/.test(bound))),
    what: 'x[a:b] with bounds that are computed or count from the end: NULL was an open bound, the last place from the end was left out, and a place before the beginning gave NULL; compare what it gives',
  },
  {
    probe: 'CAST(CAST(0.16 AS DECIMAL(3,2)) AS DECIMAL(2,1)) = 0.1',
    holds: (tokens, _, { decimals }) =>
      tokens.some((token, i) => /^(DECIMAL|NUMERIC)$/i.test(token.text) && isCast(tokens, i)) &&
      tokens.some(
        ({ kind, text }) =>
          (kind === 'number' && /^\d*\.\d[^eE]*$/.test(text)) || decimals.has(text.toLowerCase()),
      ),
    what: 'a DECIMAL cast to one of fewer digits was cut and is rounded: write trunc where it has to be cut',
  },
  {
    probe: 'CAST(CAST(1.005 AS DOUBLE) AS DECIMAL(3,2)) = 1.01',
    holds: (tokens, _, { doubles }) =>
      tokens.some((token, i) => /^(DECIMAL|NUMERIC)$/i.test(token.text) && isCast(tokens, i)) &&
      tokens.some(
        ({ kind, text }) =>
          (kind === 'number' && /e/i.test(text)) ||
          (kind === 'word' && /^(DOUBLE|FLOAT|REAL)$/i.test(text)) ||
          (kind !== 'string' && doubles.has(text.toLowerCase())),
      ),
    what: 'a DOUBLE cast to DECIMAL that lies just below the middle, such as 1.005, was rounded up and is rounded down',
  },
  {
    probe: `typeof(date_trunc('month', DATE '2020-01-01')) = 'DATE'`,
    holds: calls('date_trunc', 'datetrunc'),
    what: 'date_trunc of a DATE, and to days or more, was a DATE and is a TIMESTAMP: write CAST(date_trunc(…) AS DATE)',
  },
  {
    probe: `typeof(DATE '2020-01-01' + to_days(1)) = 'DATE'`,
    holds: (tokens, _, { dates, intervals }) =>
      tokens.some((token) => /^(INTERVAL|to_\w+s)$/i.test(token.text) || isNamed(token, intervals)) &&
      (callsIn(tokens, ['date_add']).length > 0 ||
        tokens.some(
          (token, i) => isSymbol(token, '+') || (isSymbol(token, '-') && !isSymbol(tokens[i + 1], '>')),
        )) &&
      tokens.some(
        ({ kind, text }) =>
          (kind === 'word' && /^(DATE|current_date|today)$/i.test(text)) ||
          (kind !== 'string' && dates.has(text.toLowerCase())),
      ),
    what: 'a DATE plus or minus an INTERVAL was a DATE and is a TIMESTAMP: write CAST(… AS DATE)',
  },
  {
    probe: `len(map_extract(CAST(NULL AS MAP(VARCHAR, INTEGER)), 'k')) = 0`,
    holds: (tokens) =>
      tokens.some(
        (token, i) =>
          /^(map_extract|element_at)$/i.test(token.text) &&
          isSymbol(tokens[i + 1], '(') &&
          !isWord(tokens[i - 2], 'COALESCE'),
      ),
    what: 'the values of a MAP that is NULL were [] and are NULL: write coalesce(map_extract(m, k), [])',
  },
  {
    probe: 'list_position([1], 2) = 0',
    holds: calls('list_position', 'list_indexof', 'array_position', 'array_indexof'),
    what: 'the position of what a list does not hold was 0 and is NULL: write coalesce(list_position(l, x), 0)',
  },
  {
    probe: `INTERVAL '1 month' <> INTERVAL '30 days'`,
    holds: (tokens) =>
      tokens.some(
        (token, i) =>
          isWord(token, 'INTERVAL') && (isEquality(tokens, i - 1) || isEqualityBeforeCast(tokens, i)),
      ),
    what: 'intervals of other units, such as 1 month and 30 days or 1 day and 24 hours, were different and are equal',
  },
  {
    probe: `CAST(INTERVAL '1 day' / 2 AS VARCHAR) = '00:00:00'`,
    holds: (tokens, _, { intervals }) =>
      divisionsIn(tokens).length > 0 &&
      tokens.some(
        ({ kind, text }) =>
          (kind === 'word' && /^(INTERVAL|age|to_(year|month|day|hour|minute|second)s)$/i.test(text)) ||
          (kind !== 'string' && intervals.has(text.toLowerCase())),
      ),
    what: 'an INTERVAL divided by a number was cut to whole days and months, and keeps their fractions',
  },
  {
    probe: `CAST('2020-01-01 10:00:00+02' AS TIMESTAMP) = TIMESTAMP '2020-01-01 08:00:00'`,
    holds: (tokens) =>
      tokens.some(
        ({ kind, text }) =>
          kind === 'string' && /^'\s*\d+-\d+-\d+[T ]+\d+:\d\d(:[\d.]+)?\s*[+-]\d\d(:?\d\d)?'$/.test(text),
      ) && tokens.some((token) => isWord(token, 'TIMESTAMP') || isWord(token, 'DATETIME')),
    what: 'the offset in a text that is cast to TIMESTAMP was applied and is ignored: cast it to TIMESTAMPTZ first',
  },
  {
    probe: `(DATE '2020-10-01' > '2020-9-1') = false`,
    holds: (tokens, _, { dates, timestamps }) =>
      tokens.some(({ kind, text }, i) => {
        if (kind !== 'string' || !/^'\d+-\d+-\d+/.test(text)) return false
        const names = comparedWith(tokens, i)
        const likeText = /^'\d{4}-\d\d-\d\d'$/.test(text)
        return names.some((name) => timestamps.has(name) || (dates.has(name) && !likeText))
      }),
    what: `a DATE or TIMESTAMP was compared with a text as text ('2020-01-01 00:00:00' > '2020-01-01' was true) and is compared as a time`,
    notInQueries: true,
  },
  {
    probe: 'len([1] || CAST(NULL AS INTEGER[])) = 1',
    holds: (tokens, _, columns) =>
      tokens.some(
        (token, i) =>
          isSymbol(token, '|') &&
          isSymbol(tokens[i + 1], '|') &&
          (besideList(tokens, i, i + 1, columns) || callsIn(tokens, ['list_value']).length > 0),
      ),
    what: 'l || NULL was the list l and is NULL: write list_concat(l, m)',
  },
  {
    probe: `epoch(TIMESTAMP '2020-01-01 00:00:00.5') = 1577836800`,
    holds: (tokens, sql, columns) =>
      calls('epoch')(tokens, sql, columns) ||
      /\bextract\s*\(\s*epoch\b|\bdate_?part\s*\(\s*'epoch/i.test(sql),
    what: 'epoch was a whole number and has a fraction: write floor(epoch(t))',
  },
  {
    probe: `typeof(to_timestamp(0)) = 'TIMESTAMP'`,
    holds: calls('to_timestamp'),
    what: `to_timestamp gave TIMESTAMP and gives TIMESTAMP WITH TIME ZONE: write to_timestamp(x) AT TIME ZONE 'UTC'`,
  },
  {
    probe: `format_bytes(1000000) = '1.0MB'`,
    holds: calls('format_bytes', 'pg_size_pretty'),
    what: 'sizes were printed in units of 1000 bytes and are printed in units of 1024: write formatReadableDecimalSize',
  },
  {
    probe: `typeof(map_entries(map(['a'], [1]))) = 'STRUCT(k VARCHAR, v INTEGER)[]'`,
    holds: calls('map_entries'),
    what: 'the fields of map_entries were k and v and are key and value',
  },
  {
    probe: `typeof(row(1, 2)) = 'STRUCT(v1 INTEGER, v2 INTEGER)'`,
    holds: calls('row'),
    what: 'the fields of row(a, b) were v1 and v2 and have no names: write struct_pack(v1 := a, v2 := b)',
  },
  {
    probe: `split_part(CAST(NULL AS VARCHAR), ',', 1) = ''`,
    holds: calls('split_part'),
    what: `split_part of NULL was '' and is NULL: write coalesce(split_part(s, x, n), '')`,
  },
  {
    probe: `array_to_string(CAST([] AS INTEGER[]), ',') IS NULL`,
    holds: calls('array_to_string'),
    what: `array_to_string of an empty list was NULL and is '': write nullif(array_to_string(l, x), '')`,
  },
  {
    probe: `json_extract('{"a": null}', '$.a') IS NULL`,
    holds: (tokens, sql, columns) =>
      calls('json_extract', 'json_extract_path')(tokens, sql, columns) ||
      tokens.some(
        (token, i) =>
          isSymbol(token, '-') &&
          isSymbol(tokens[i + 1], '>') &&
          (tokens[i + 2]?.kind === 'string' || tokens[i + 2]?.kind === 'number'),
      ),
    what: `j -> 'a' where a is null in the JSON was NULL and is the JSON null: write j ->> 'a', or nullif(j -> 'a', 'null')`,
  },
  {
    probe: '(SELECT corr(x, y) FROM (VALUES (1, 1)) t(x, y)) IS NULL',
    holds: calls('corr', 'regr_slope'),
    what: 'corr and regr_slope of values that are all the same were NULL and are nan',
  },
  ...FUNCTION_CHANGES,
  ...TEXT_CHANGES,
]

/** Words that are no names, behind which a list may begin. */
const BEFORE_A_LIST = /^(select|distinct|all|any|as|in|when|then|else|and|or|not|array)$/

function isName({ kind }: Token): boolean {
  return kind === 'word' || kind === 'quoted'
}

/** What may stand between a column and the text that it is compared with: `d BETWEEN 'a' AND 'b'`, `(d IN ('a', 'b'))`. */
const COMPARING = /^(?:[<>=!(),]|IN|NOT|BETWEEN|AND)$/i

/** Names, in lower case, of what a text is compared with. */
function comparedWith(tokens: readonly Token[], at: number): string[] {
  let [before, after] = [at - 1, at + 1]
  const isBetween = (i: number): boolean =>
    COMPARING.test(tokens[i]?.text ?? '') || tokens[i]?.kind === 'string'
  while (isBetween(before)) before--
  while (/^[<>=!(]$/.test(tokens[after]?.text ?? '')) after++
  const far = (from: number, to: number): boolean => Math.abs(from - to) > 1
  return [...(far(at, before) ? [tokens[before]] : []), ...(far(at, after) ? [tokens[after]] : [])].map(
    (token) => token?.text.toLowerCase() ?? '',
  )
}

/** Is the type at `i` that of a cast? */
function isCast(tokens: readonly Token[], i: number): boolean {
  return isWord(tokens[i - 1], 'AS') || isSymbol(tokens[i - 1], ':')
}

function isEquality(tokens: readonly Token[], i: number): boolean {
  const [token, before] = [tokens[i], tokens[i - 1]]
  if (isSymbol(token, '=')) return !isSymbol(before, '>') && !isSymbol(before, '<') && !isSymbol(before, ':')
  return isSymbol(token, '>') && isSymbol(before, '<')
}

/** `= CAST('30 days' AS INTERVAL)`, as engines print it, and `= '30 days'::INTERVAL`. */
function isEqualityBeforeCast(tokens: readonly Token[], i: number): boolean {
  if (isWord(tokens[i - 1], 'AS') && isWord(tokens[i - 4], 'CAST')) return isEquality(tokens, i - 5)
  return isSymbol(tokens[i - 1], ':') && isEquality(tokens, i - 4)
}

const TO_0_8 = /^0\.[4-8]\./

/** One warning for each object and each change of meaning that its text plainly holds. */
export async function meaningWarnings(target: Session, catalog: Catalog, source: string): Promise<string[]> {
  const columns = columnsOf(catalog)
  const objects = expressions(catalog).map((object) => ({ ...object, tokens: tokenize(object.sql) }))
  const warnings: string[] = []
  for (const { probe, holds, what, notInQueries, releases = TO_0_8 } of CHANGES) {
    if (!releases.test(source) || releases.test(target.release)) continue
    const found = objects.filter(
      ({ tokens, sql, isQuery }) => !(notInQueries && isQuery) && holds(tokens, sql, columns),
    )
    if (found.length === 0 || (await isTrue(target, probe))) continue
    const where = new Set(found.map((object) => object.where))
    for (const object of where)
      warnings.push(`${object} may mean something else in ${target.release} than in ${source}: ${what}`)
  }
  return warnings
}

export async function isTrue(session: Pick<Session, 'query'>, condition: string): Promise<boolean> {
  try {
    const [row] = await session.query(`SELECT CAST(coalesce(${condition}, false) AS VARCHAR) AS answer`)
    return row?.['answer'] === 'true'
  } catch (error) {
    if (error instanceof SqlError) return false
    throw error
  }
}

function columnsOf({ tables }: Catalog): Columns {
  const named = (
    is: (type: Catalog['tables'][number]['columns'][number]['type']) => boolean,
  ): ReadonlySet<string> =>
    new Set(
      tables.flatMap(({ columns }) =>
        columns.filter(({ type }) => is(type)).map(({ name }) => name.toLowerCase()),
      ),
    )
  return {
    maps: named(({ kind }) => kind === 'map'),
    lists: named(({ kind }) => kind === 'list'),
    nested: named(({ kind }) => kind === 'map' || kind === 'struct' || kind === 'union'),
    enums: named(({ kind }) => kind === 'enum'),
    decimals: named((type) => type.kind === 'decimal' && type.scale > 0),
    doubles: named((type) => type.kind === 'scalar' && /^(DOUBLE|FLOAT)$/.test(type.name)),
    dates: named((type) => type.kind === 'scalar' && type.name === 'DATE'),
    intervals: named((type) => type.kind === 'scalar' && type.name === 'INTERVAL'),
    timestamps: named((type) => type.kind === 'scalar' && /^TIMESTAMP(_\w+)?$/.test(type.name)),
  }
}

/** `isQuery`: is it looked at as part of a query? */
function expressions(catalog: Catalog): { where: string; sql: string; isQuery?: true }[] {
  return [
    ...catalog.views.map((view) => ({
      where: `view ${display(view)}`,
      sql: view.query,
      isQuery: true as const,
    })),
    ...catalog.macros.map((macro) => ({
      where: `macro ${display(macro)}`,
      sql: macro.definition,
      isQuery: true as const,
    })),
    ...catalog.indexes.map((index) => ({ where: `index ${display(index)}`, sql: index.definition })),
    ...catalog.tables.flatMap((table) => [
      ...table.columns.map((column) => ({
        where: `default of ${display(table)}.${column.name}`,
        sql: column.default ?? '',
      })),
      ...table.columns.map((column) => ({
        where: `column ${display(table)}.${column.name}`,
        sql: column.generated ?? '',
        isQuery: true as const,
      })),
      ...table.constraints.flatMap((one) =>
        one.kind === 'check'
          ? [{ where: `CHECK (${one.expression}) of table ${display(table)}`, sql: one.expression }]
          : [],
      ),
    ]),
  ]
}
