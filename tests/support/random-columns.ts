import { ident, literal } from '../../src/migration/sql/sql.js'
import { Names } from './random-names.js'
import {
  type Palette,
  plainest,
  randomCell,
  randomType,
  type RandomType,
  randomValue,
  typeSql,
} from './random-type.js'
import type { Random } from './random.js'

/** A column, as it can be read from a table or a view. */
export interface RandomColumn {
  readonly name: string
  readonly type: RandomType
}

/** Columns that get their values together. */
export interface Group {
  readonly columns: readonly RandomColumn[]
  /** As in CREATE TABLE. */
  readonly definitions: readonly string[]
  readonly constraints: readonly string[]
  /** Values of the n-th row; none for generated columns. */
  readonly row: ((n: number) => readonly string[]) | undefined
}

/** The last one is of an extension: 0.8.1 does not open its own file again when such a table has an index. */
const COLLATIONS = ['NOCASE', 'NOACCENT', 'NOACCENT.NOCASE', 'DE'] as const

/**
 * 0.8.1 does not open its own file again when a DEFAULT casts to JSON. Of the other types the same text means another
 * value since: an offset in TIMETZ was ignored, and TIMESTAMPTZ before 1582 was read in the Julian calendar.
 */
const NO_DEFAULTS: readonly string[] = ['JSON', 'TIMETZ', 'TIMESTAMPTZ']

/** Makes the columns of one table. */
export class ColumnMaker {
  /** Columns with a DEFAULT that always gives the same. */
  readonly defaults: RandomColumn[] = []
  private readonly names: Names
  private readonly checks: boolean

  /** `sequences`: SQL names of those that defaults may use. */
  constructor(
    private readonly random: Random,
    private readonly palette: Palette,
    private readonly sequences: readonly string[],
  ) {
    this.names = new Names(random)
    this.checks = random.chance(0.25)
  }

  private column(type: RandomType): RandomColumn {
    return { name: this.names.fresh(), type }
  }

  /** A primary key, or another one, of one or two columns. */
  keyGroup(): Group {
    const { random } = this
    const keys = this.palette.scalars.filter((scalar) => scalar.key !== undefined)
    const columns = random.times(1, 2, () => this.column({ kind: 'scalar', scalar: random.pick(keys) }))
    const kind = random.chance(0.8) ? 'PRIMARY KEY' : 'UNIQUE'
    return {
      columns,
      definitions: columns.map((column) => `${ident(column.name)} ${typeSql(column.type)}`),
      constraints: [`${kind} (${columns.map(({ name }) => ident(name)).join(', ')})`],
      row: (n) =>
        columns.map(({ type }) => (type.kind === 'scalar' ? type.scalar.key?.(n + 1) : undefined) ?? 'NULL'),
    }
  }

  /** Columns that refer to a key; `own`: of this very table, so only to rows before. */
  reference(
    key: readonly RandomColumn[],
    rows: readonly (readonly string[])[],
    table: string,
    own: boolean,
  ): Group {
    const columns = key.map(({ type }) => this.column(type))
    const list = (of: readonly RandomColumn[]): string => of.map(({ name }) => ident(name)).join(', ')
    return {
      columns,
      definitions: columns.map((column) => `${ident(column.name)} ${typeSql(column.type)}`),
      constraints: [`FOREIGN KEY (${list(columns)}) REFERENCES ${table} (${list(key)})`],
      row: (n) => {
        const known = own ? rows.slice(0, n) : rows
        if (known.length === 0 || this.random.chance(0.3)) return columns.map(() => 'NULL')
        return this.random.pick(known)
      },
    }
  }

  /** A column with random values and whatever a column may have. */
  plainGroup(): Group {
    const { random } = this
    // The engine of 0.8.1 dies of a CHECK in a table with columns of JSON, of a named type or with parts.
    const flat = this.checks && this.palette.dialect !== 'stable'
    const palette = flat ? plainest(this.palette) : this.palette
    const column = this.column(randomType(random, palette, flat ? 0 : random.int(0, 3)))
    const text = isText(column)
    const collation =
      text && random.chance(0.3)
        ? ` COLLATE ${random.pick(this.palette.dialect === 'stable' ? COLLATIONS : COLLATIONS.slice(0, 3))}`
        : ''
    const required = random.chance(0.2)
    const name = ident(column.name)
    return {
      columns: [column],
      definitions: [
        `${name} ${typeSql(column.type)}${collation}${this.defaultOf(column)}${required ? ' NOT NULL' : ''}`,
      ],
      constraints: this.checks && random.chance(0.6) ? [this.check(column)] : [],
      row: () => [randomCell(random, column.type, required ? 0 : 0.15)],
    }
  }

  private defaultOf(column: RandomColumn): string {
    const { random } = this
    const scalar = column.type.kind === 'scalar' ? column.type.scalar.sql : ''
    const refused = this.palette.dialect === 'stable' ? [''] : ['', ...NO_DEFAULTS]
    // 0.6 reads the text of such a number as a DOUBLE.
    const inexact = this.palette.dialect === '0.6' && scalar.startsWith('DECIMAL(38')
    if (inexact || refused.includes(scalar) || random.chance(0.75)) return ''
    if (scalar === 'BIGINT' && this.sequences.length > 0)
      return ` DEFAULT (nextval(${literal(random.pick(this.sequences))}))`
    this.defaults.push(column)
    return ` DEFAULT (${randomValue(random, column.type)})`
  }

  private check({ name }: RandomColumn): string {
    const column = ident(name)
    const conditions = [
      `${column} IS NULL OR ${column} IS NOT NULL`,
      `${column} IS NULL OR strlen(CAST(${column} AS VARCHAR)) < 1000000`,
      `CASE WHEN ${column} IS NULL THEN true ELSE coalesce(CAST(${column} AS VARCHAR) <> 'it''s (not); there', true) END`,
      `coalesce(CAST(${column} AS VARCHAR) NOT IN ('no"thing', ''''), true) AND 1 < 2`,
    ]
    return `CHECK (${this.random.pick(conditions)})`
  }

  /** Now and then a column that is computed from another one. */
  generated(plain: readonly Group[]): Group[] {
    const from = plain[0]?.columns[0]
    const boolean = this.palette.scalars.find(({ sql }) => sql === 'BOOLEAN')
    const varchar = this.palette.scalars.find(({ sql }) => sql === 'VARCHAR')
    if (!from || !boolean || !varchar || this.random.chance(0.8)) return []
    const name = ident(from.name)
    const text = isText(from)
    const column = this.column({ kind: 'scalar', scalar: text ? varchar : boolean })
    const expression = text ? `upper(${name}) || ', it''s (so)'` : `${name} IS NULL`
    const definition = `${ident(column.name)} ${typeSql(column.type)} GENERATED ALWAYS AS (${expression}) VIRTUAL`
    return [{ columns: [column], definitions: [definition], constraints: [], row: undefined }]
  }
}

/** Is it a column of text? */
export function isText({ type }: RandomColumn): boolean {
  return type.kind === 'scalar' && type.scalar.sql === 'VARCHAR'
}
