import { literal } from '../../src/migration/sql/sql.js'
import type { Print } from './random-scalar.js'
import { isNumber, MOST_ITEMS, type RandomType } from './random-type.js'

/**
 * SQL of a text that differs whenever the value differs, and that every release prints alike. It takes values apart by
 * position and by name, without lambdas: another way than that of the code under test.
 */
export function canonical(type: RandomType, value: string): string {
  const parts = canonicalParts(type, value)
  return `CASE WHEN ${value} IS NULL THEN 'n' ELSE ${parts} END`
}

function canonicalParts(type: RandomType, value: string): string {
  switch (type.kind) {
    case 'scalar':
      return printed(type.scalar.print, value)
    case 'enum':
      return printed('text', value)
    case 'alias':
      // Functions of 0.6 and 0.7 refuse it.
      if (type.opaque) return `CAST(${value} AS VARCHAR)`
      return canonicalParts(type.base, value)
    case 'list':
      return items(type.item, value, 'len')
    case 'array':
      return concat(
        "'a'",
        ...positions.slice(0, type.size).map((n) => canonical(type.item, `${value}[${n}]`)),
      )
    case 'struct':
      return concat(
        `'('`,
        ...type.fields.map(({ name, type: part }) =>
          canonical(part, `struct_extract(${value}, ${literal(name)})`),
        ),
        `')'`,
      )
    case 'map':
      if (!type.apart) return unquoted(value)
      return concat(
        items(type.key, `map_keys(${value})`, 'len'),
        `'='`,
        items(type.value, `map_values(${value})`, 'len'),
      )
    case 'union': {
      const tag = `CAST(union_tag(${value}) AS VARCHAR)`
      const cases = type.members.map(
        ({ name, type: part }) =>
          `WHEN ${literal(name)} THEN ${canonical(part, `union_extract(${value}, ${literal(name)})`)}`,
      )
      return concat(encoded(tag), `CASE ${tag} ${cases.join(' ')} END`)
    }
    default:
      return type satisfies never
  }
}

/** 0.6 and 0.7 take no map apart, and not every key is found: its text, but for quotes, which came with 1.2. */
function unquoted(value: string): string {
  const text = [`''`, '"', '\\'].reduce(
    (rest, quote) => `replace(${rest}, '${quote}', '')`,
    `CAST(${value} AS VARCHAR)`,
  )
  // Without a CASE: 0.6 looks into the wrong map in some of its rows.
  return concat(`CAST(cardinality(${value}) AS VARCHAR)`, `md5(${text})`)
}

const positions = Array.from({ length: MOST_ITEMS }, (_, n) => n + 1)

function items(item: RandomType, list: string, length: string): string {
  const content = positions.map((n) => canonical(item, `${list}[${n}]`))
  // Only columns hold longer lists: 0.8.1 casts a list inside a map inside a list wrongly to text.
  if (isNumber(item))
    content.push(
      `CASE WHEN ${length}(${list}) > ${MOST_ITEMS} THEN md5(CAST(${list} AS VARCHAR)) ELSE '' END`,
    )
  return concat(`'['`, `CAST(${length}(${list}) AS VARCHAR)`, ...content, `']'`)
}

function printed(print: Print, value: string): string {
  switch (print) {
    case 'number':
    case 'plain':
      return `CAST(${value} AS VARCHAR)`
    case 'text':
      return encoded(`CAST(${value} AS VARCHAR)`)
    case 'blob':
      return `to_base64(${value})`
    case 'instant':
      // The same instant prints in another calendar: old releases have the Julian one before 1582. Its hash is the same.
      return `CAST(hash(${value}) AS VARCHAR)`
    case 'micros':
      // Old releases print no finer fractions.
      return `CAST(CAST(${value} AS TIMESTAMP) AS VARCHAR)`
    case 'interval':
      return concat(
        ...['year', 'month', 'day', 'hour', 'minute', 'microsecond'].map(
          (part) => `CAST(date_part('${part}', ${value}) AS VARCHAR)`,
        ),
      )
    default:
      return print satisfies never
  }
}

function encoded(text: string): string {
  return `CASE WHEN strlen(${text}) > 100 THEN strlen(${text}) || '#' || md5(${text}) ELSE to_base64(encode(${text})) END`
}

function concat(...parts: readonly string[]): string {
  return parts.map((part) => `(${part})`).join(` || ',' || `)
}
