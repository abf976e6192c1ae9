import {
  beginsList,
  besideList,
  type Change,
  calls,
  callsIn,
  type Columns,
  endOfCall,
  isNamed,
} from './meaning-change.js'
import { isSymbol, isWord, type Token } from '../sql/sql.js'

/** Parts of a date of which there are as many as before. */
const CALENDAR = /^'(day|month|quarter|year|decade|century|millennium)s?'$/i
const TO_0_7 = /^0\.[4-7]\./
const TO_0_6 = /^0\.[4-6]\./
/** Parts of a date by the weeks of ISO 8601. */
const ISO_WEEK = /^'?(week|weekofyear|isoyear|yearweek)'?$/i

const BY_ORDER = 'max_by min_by arg_max arg_min argmax argmin median quantile quantile_disc'.split(' ')

/** Functions that give something else. */
export const FUNCTION_CHANGES: readonly Change[] = [
  {
    probe: `hash('a') = 584566915021039271`,
    holds: calls('hash'),
    what: 'hash gives another number: write md5 where it has to stay the same',
  },
  {
    probe: `date_diff('week', DATE '2020-01-04', DATE '2020-01-06') = 1`,
    holds: (tokens) =>
      callsIn(tokens, ['date_diff', 'datediff']).some((at) => !CALENDAR.test(tokens[at + 2]?.text ?? '')),
    what: `date_diff counts another number of weeks, and from a time before 1970 to a later one another number of hours, minutes and seconds`,
  },
  {
    probe: 'ceil(CAST(0 AS DECIMAL(9,2))) = 1',
    holds: (tokens, _, { decimals }) => {
      const isDecimal = ({ kind, text }: Token): boolean =>
        (kind === 'number' && /^\d*\.\d[^eE]*$/.test(text)) || /^(DECIMAL|NUMERIC|sum|avg)$/i.test(text)
      return (
        callsIn(tokens, ['ceil', 'ceiling']).length > 0 &&
        tokens.some((token) => isDecimal(token) || isNamed(token, decimals))
      )
    },
    what: 'ceil of the DECIMAL 0.00 was 1 and is 0',
  },
  {
    probe: 'fdiv(1, 0) IS NULL',
    holds: calls('fdiv', 'fmod'),
    what: 'fdiv and fmod by 0 were NULL and are inf or nan: write nullif(y, 0)',
  },
  {
    probe: 'contains([10], 1)',
    holds: (tokens, _, columns) =>
      callsIn(tokens, ['contains', 'concat', 'repeat']).some((at) => takesList(tokens, at, columns)),
    what: 'contains, concat and repeat of a list looked at its text and take it as a list: cast it to VARCHAR, or write list_contains and list_concat',
  },
  {
    probe: 'list_concat(CAST(NULL AS INTEGER[]), CAST(NULL AS INTEGER[])) IS NULL',
    holds: (tokens, sql, columns) =>
      calls('list_concat', 'list_cat', 'array_concat', 'array_cat')(tokens, sql, columns) ||
      callsIn(tokens, ['add']).some((at) => takesList(tokens, at, columns)) ||
      tokens.some((token, i) => isSymbol(token, '+') && besideList(tokens, i, i, columns)),
    what: 'list_concat and + of lists that are all NULL were NULL and are []',
  },
  {
    probe: `hex(CAST(2.5 AS DOUBLE)) = '322E35'`,
    holds: (tokens, _, { doubles }) =>
      callsIn(tokens, ['hex', 'to_hex', 'bin', 'to_binary']).length > 0 &&
      tokens.some((token) => isNamed(token, doubles) || isWord(token, 'DOUBLE') || isWord(token, 'FLOAT')),
    what: 'hex and bin of a DOUBLE gave its text and give its bytes: cast it to VARCHAR first',
  },
  {
    probe: `typeof(NULL) = 'NULL'`,
    holds: (tokens, _, { enums }) =>
      callsIn(tokens, ['typeof', 'pg_typeof']).some((at) => {
        const first = tokens[at + 2]
        return isWord(first, 'NULL') || isSymbol(first, '[') || isNamed(first, enums)
      }),
    what: 'typeof gave the name of an ENUM and gives its labels, and "NULL" has quotes',
  },
  {
    // No release up to 0.8 makes an ENUM in an expression; in 1.1.3, 1.4.4 and 1.5.6 both have changed.
    probe: `typeof(NULL) = 'NULL'`,
    holds: (tokens, _, { enums }) =>
      callsIn(tokens, BY_ORDER).length > 0 && tokens.some((token) => isNamed(token, enums)),
    what: 'max_by, min_by, median and quantile took an ENUM for its text and take it in the order of its labels: cast it to VARCHAR',
  },
  {
    probe: 'cardinality(map(CAST(NULL AS INTEGER[]), CAST(NULL AS INTEGER[]))) = 0',
    holds: (tokens, _, { lists }) => callsIn(tokens, ['map']).some((at) => isNamed(tokens[at + 2], lists)),
    what: 'map of lists that are NULL was {} and is NULL: write coalesce(map(k, v), map())',
  },
  {
    probe: 'array_pop_back(CAST([] AS INTEGER[])) IS NULL',
    holds: calls('array_pop_back'),
    what: 'array_pop_back of [] was NULL and is []',
  },
  {
    probe: `typeof(md5_number('a')) = 'HUGEINT'`,
    holds: calls('md5_number'),
    what: 'md5_number was a HUGEINT, often negative, and is a UHUGEINT',
  },
  {
    probe: `CAST(to_json(CAST(1 AS HUGEINT)) AS VARCHAR) = '1.0'`,
    holds: (tokens, _, { decimals }) =>
      callsIn(tokens, ['to_json', 'json_quote', 'json_object', 'json_array', 'row_to_json']).length > 0 &&
      tokens.some((token) => isNamed(token, decimals) || /^(DECIMAL|NUMERIC|HUGEINT|sum)$/i.test(token.text)),
    what: 'a HUGEINT (as sum gives) or DECIMAL was written into JSON as a DOUBLE is (1.0, 1.5) and is as it is (1, 1.50)',
  },
  {
    probe: `formatReadableDecimalSize(1000) = '1KB'`,
    holds: calls('formatreadabledecimalsize'),
    what: "formatReadableDecimalSize wrote '1KB' and writes '1.0 kB'",
  },
  {
    probe: `bar(1, 0, 10, 5) = '▌'`,
    holds: calls('bar'),
    what: 'bar fills its text with blanks to its width',
  },
  {
    probe: '(SELECT approx_count_distinct(i) = 1011 FROM range(1000) t(i))',
    holds: calls('approx_count_distinct'),
    what: 'approx_count_distinct estimates other numbers',
  },
  {
    probe: `(SELECT max(m) = -3.75 FROM (SELECT median(x) OVER (ORDER BY x) AS m FROM (VALUES (-3.75), (1.25)) t(x)) q)`,
    holds: (tokens, _, { decimals }) =>
      tokens.some((token) => isWord(token, 'OVER')) &&
      callsIn(tokens, ['median', 'quantile_cont', 'percentile_cont']).length > 0 &&
      tokens.some((token) => isNamed(token, decimals) || isWord(token, 'DECIMAL')),
    what: 'median and quantile_cont of negative DECIMALs in a window gave other values',
  },
  {
    probe: `json_type('{"a": null}', '$.a') IS NULL`,
    holds: calls('json_type'),
    what: `json_type of a null inside a JSON was NULL and is 'NULL'`,
  },
  {
    probe: `json_extract_string('{"a": null}', '$.a') = 'null'`,
    holds: (tokens, sql, columns) =>
      calls('json_extract_string', 'json_extract_path_text')(tokens, sql, columns) ||
      tokens.some(
        (token, i) => isSymbol(token, '-') && isSymbol(tokens[i + 1], '>') && isSymbol(tokens[i + 2], '>'),
      ),
    what: `j ->> 'a' where a is null in the JSON was the text 'null' and is NULL`,
    releases: TO_0_7,
  },
  {
    probe: 'list_sort([1, NULL]) = [NULL, 1]',
    holds: calls('list_sort', 'array_sort', 'list_reverse_sort', 'array_reverse_sort'),
    what: `list_sort put NULLs first and puts them last: write list_sort(l, 'ASC', 'NULLS FIRST')`,
    releases: TO_0_7,
  },
  {
    probe: 'list_mode([2, 1]) = 1',
    holds: (tokens, sql, columns) =>
      calls('mode', 'list_mode')(tokens, sql, columns) ||
      callsIn(tokens, ['list_aggregate', 'list_aggr', 'array_aggregate', 'array_aggr']).some((at) =>
        tokens.slice(at, endOfCall(tokens, at)).some(({ text }) => /^'mode'$/i.test(text)),
      ),
    what: 'mode of values that are as frequent as others was the smallest of them, and is the first that comes',
    releases: TO_0_7,
  },
  {
    probe: `week(DATE '2019-12-31') = 53`,
    holds: (tokens) =>
      callsIn(tokens, ['week', 'weekofyear', 'isoyear', 'yearweek']).length > 0 ||
      callsIn(tokens, ['date_part', 'datepart', 'extract']).some((at) =>
        ISO_WEEK.test(tokens[at + 2]?.text ?? ''),
      ) ||
      callsIn(tokens, ['date_trunc', 'datetrunc', 'date_diff', 'datediff']).some((at) =>
        /^'isoyear'$/i.test(tokens[at + 2]?.text ?? ''),
      ),
    what: 'the last days of December that belong to week 1 of the next year were week 53 of the old one, also in isoyear and yearweek',
    releases: TO_0_6,
  },
  {
    probe: 'CAST(CAST(1.5 AS DOUBLE) AS UTINYINT) = 1',
    holds: (tokens, _, { doubles }) =>
      tokens.some(({ text }) => /^(UTINYINT|USMALLINT|UINTEGER|UBIGINT)$/i.test(text)) &&
      tokens.some((token) => isNamed(token, doubles) || isWord(token, 'DOUBLE') || isWord(token, 'FLOAT')),
    what: 'a DOUBLE cast to an unsigned type was cut and is rounded: write trunc(x)',
    releases: TO_0_6,
  },
  {
    probe: 'fdiv(-1, 2) = 0',
    holds: calls('fdiv', 'fmod'),
    what: 'fdiv and fmod of whole numbers cut towards 0 and round down: fdiv(-1, 2) was 0 and is -1',
    releases: TO_0_7,
  },
  {
    probe: `(SELECT count(f) = 2 FROM (SELECT first_value(s IGNORE NULLS) OVER (ORDER BY i) AS f FROM (VALUES (1, NULL), (2, 'x')) t(i, s)) q)`,
    holds: (tokens) =>
      callsIn(tokens, ['first_value', 'first']).some((at) =>
        tokens.slice(at, endOfCall(tokens, at)).some((token) => isWord(token, 'IGNORE')),
      ),
    what: 'first_value with IGNORE NULLS took values from behind its frame where there was none in it, and gives NULL there',
    releases: TO_0_7,
  },
  {
    probe: '(SELECT last(x) IS NULL FROM (VALUES (1), (NULL), (2)) t(x))',
    holds: (tokens) => callsIn(tokens, ['last']).some((at) => !isWord(tokens[endOfCall(tokens, at)], 'OVER')),
    what: 'last was NULL wherever one of the values was, and is the last value: write CASE WHEN count(x) = count(*) THEN last(x) END',
    releases: TO_0_7,
  },
]

/** Is an argument of the call plainly a list? */
function takesList(tokens: readonly Token[], at: number, columns: Columns): boolean {
  let depth = 0
  for (let i = at + 1; i < endOfCall(tokens, at) - 1; i++) {
    if (isSymbol(tokens[i], '(')) depth++
    if (isSymbol(tokens[i], ')')) depth--
    const isFirst = i === at + 1 || isSymbol(tokens[i], ',')
    if (depth === 1 && isFirst && beginsList(tokens, i + 1, columns)) return true
  }
  return false
}
