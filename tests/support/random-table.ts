import { ident, literal, qualified } from '../../src/migration/sql.js'
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

/** Something with rows. */
export interface RandomRelation {
  readonly schema: string
  readonly name: string
  readonly columns: readonly RandomColumn[]
}

export interface RandomTable extends RandomRelation {
  readonly statements: readonly string[]
  /** SQL of the primary key of each row; undefined: there is no key. */
  readonly key:
    { readonly columns: readonly RandomColumn[]; readonly rows: readonly (readonly string[])[] } | undefined
  /** False where rows may come back in another order: they refer to each other. */
  readonly ordered: boolean
  /** SQL of each DEFAULT that always gives the same. */
  readonly defaults: readonly { readonly column: RandomColumn }[]
  /** Columns of text that are stored. */
  readonly texts: readonly RandomColumn[]
  /** Refers to another table. */
  readonly isChild: boolean
}

/** Columns that get their values together. */
interface Group {
  readonly columns: readonly RandomColumn[]
  /** As in CREATE TABLE. */
  readonly definitions: readonly string[]
  readonly constraints: readonly string[]
  /** Values of the n-th row; none for generated columns. */
  readonly row: ((n: number) => readonly string[]) | undefined
}

const MOST_ROWS = 9
/** The last one is of an extension: 0.8.1 does not open its own file again when such a table has an index. */
const COLLATIONS = ['NOCASE', 'NOACCENT', 'NOACCENT.NOCASE', 'DE'] as const

/**
 * 0.8.1 does not open its own file again when a DEFAULT casts to JSON. Of the other types the same text means another
 * value since: an offset in TIMETZ was ignored, and TIMESTAMPTZ before 1582 was read in the Julian calendar.
 */
const NO_DEFAULTS: readonly string[] = ['JSON', 'TIMETZ', 'TIMESTAMPTZ']

/** What a table may refer to. */
export interface Surroundings {
  readonly palette: Palette
  readonly parents: readonly RandomTable[]
  /** SQL names of sequences, for defaults. */
  readonly sequences: readonly string[]
}

/** Makes one table after another; each may refer to those before it. */
export class TableMaker {
  private readonly names: Names
  private readonly defaults: { column: RandomColumn }[] = []
  private readonly checks: boolean

  constructor(
    private readonly random: Random,
    private readonly around: Surroundings,
  ) {
    this.names = new Names(random)
    this.checks = random.chance(0.25)
  }

  make(schema: string, name: string): RandomTable {
    const { random, around } = this
    const table = qualified(schema, name)
    const count = random.chance(0.1) ? 0 : random.int(1, MOST_ROWS)
    const key = random.chance(0.5) ? this.keyGroup() : undefined
    const keyRows = key ? Array.from({ length: count }, (_, n) => key.row?.(n) ?? []) : []
    const own = key && random.chance(0.3) ? this.reference(key.columns, keyRows, table, true) : undefined
    // No release takes a foreign key into another schema. COPY FROM DATABASE of 1.5 finds no order for grandchildren
    // when another schema has a table of the same name as the child.
    const parents = this.around.parents.filter(
      (parent) =>
        parent.schema === schema && parent.key !== undefined && !(around.palette.stable && parent.isChild),
    )
    const parent = parents.length > 0 && random.chance(0.5) ? random.pick(parents) : undefined
    const child =
      parent?.key &&
      this.reference(parent.key.columns, parent.key.rows, qualified(parent.schema, parent.name), false)
    const plain = random.times(1, 5, () => this.plainGroup())
    const groups = [key, own, child, ...plain, ...this.generated(plain)].filter(
      (group) => group !== undefined,
    )
    const parts = [
      ...groups.flatMap((group) => group.definitions),
      ...groups.flatMap((group) => group.constraints),
    ]
    const columns = groups.flatMap((group) => group.columns)
    const create = `CREATE TABLE ${table} (${parts.join(', ')})`
    const isPlain = key === undefined && child === undefined
    return {
      schema,
      name,
      columns,
      statements: [
        create,
        ...this.inserts(table, groups, count, own !== undefined),
        ...(isPlain ? this.changes(table, columns) : []),
      ],
      key: key && { columns: key.columns, rows: keyRows },
      ordered: own === undefined,
      defaults: this.defaults,
      texts: groups
        .filter((group) => group.row !== undefined)
        .flatMap((group) => group.columns.filter(isText)),
      isChild: child !== undefined,
    }
  }

  private column(type: RandomType): RandomColumn {
    return { name: this.names.fresh(), type }
  }

  private keyGroup(): Group {
    const { random } = this
    const keys = this.around.palette.scalars.filter((scalar) => scalar.key !== undefined)
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
  private reference(
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

  private plainGroup(): Group {
    const { random, around } = this
    // The engine of 0.8.1 dies of a CHECK in a table with columns of JSON, of a named type or with parts.
    const flat = this.checks && !around.palette.stable
    const palette = flat ? plainest(around.palette) : around.palette
    const column = this.column(randomType(random, palette, flat ? 0 : random.int(0, 3)))
    const text = column.type.kind === 'scalar' && column.type.scalar.sql === 'VARCHAR'
    const collation =
      text && random.chance(0.3)
        ? ` COLLATE ${random.pick(around.palette.stable ? COLLATIONS : COLLATIONS.slice(0, 3))}`
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
    const { random, around } = this
    const scalar = column.type.kind === 'scalar' ? column.type.scalar.sql : ''
    const refused = around.palette.stable ? [''] : ['', ...NO_DEFAULTS]
    if (refused.includes(scalar) || random.chance(0.75)) return ''
    if (scalar === 'BIGINT' && around.sequences.length > 0)
      return ` DEFAULT (nextval(${literal(random.pick(around.sequences))}))`
    this.defaults.push({ column })
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

  private generated(plain: readonly Group[]): Group[] {
    const from = plain[0]?.columns[0]
    const boolean = this.around.palette.scalars.find(({ sql }) => sql === 'BOOLEAN')
    const varchar = this.around.palette.scalars.find(({ sql }) => sql === 'VARCHAR')
    if (!from || !boolean || !varchar || this.random.chance(0.8)) return []
    const name = ident(from.name)
    const text = from.type.kind === 'scalar' && from.type.scalar.sql === 'VARCHAR'
    const column = this.column({ kind: 'scalar', scalar: text ? varchar : boolean })
    const expression = text ? `upper(${name}) || ', it''s (so)'` : `${name} IS NULL`
    const definition = `${ident(column.name)} ${typeSql(column.type)} GENERATED ALWAYS AS (${expression}) VIRTUAL`
    return [{ columns: [column], definitions: [definition], constraints: [], row: undefined }]
  }

  private inserts(table: string, groups: readonly Group[], count: number, single: boolean): string[] {
    const stored = groups.filter((group) => group.row !== undefined)
    const columns = stored.flatMap((group) => group.columns.map(({ name }) => ident(name))).join(', ')
    const rows = Array.from(
      { length: count },
      (_, n) => `(${stored.flatMap((group) => group.row?.(n) ?? []).join(', ')})`,
    )
    const insert = (values: string): string => `INSERT INTO ${table} (${columns}) VALUES ${values}`
    if (rows.length === 0) return []
    // An engine checks a foreign key statement by statement.
    return single ? rows.map(insert) : [insert(rows.join(', '))]
  }

  /** More rows than fit into one vector, gaps in the row ids, updated rows. */
  private changes(table: string, columns: readonly RandomColumn[]): string[] {
    const { random } = this
    const stored = columns[0]
    if (!stored || random.chance(0.7)) return []
    return [
      `DELETE FROM ${table} WHERE rowid % 3 = 1`,
      `UPDATE ${table} SET ${ident(stored.name)} = ${randomValue(random, stored.type, 0)} WHERE rowid % 2 = 0`,
    ]
  }
}

function isText({ type }: RandomColumn): boolean {
  return type.kind === 'scalar' && type.scalar.sql === 'VARCHAR'
}
