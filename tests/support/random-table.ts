import { ident, qualified } from '../../src/migration/sql/sql.js'
import { ColumnMaker, type Group, isText, type RandomColumn } from './random-columns.js'
import { type Palette, randomValue } from './random-type.js'
import type { Random } from './random.js'

const MOST_ROWS = 9

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
  /** Columns with a DEFAULT that always gives the same. */
  readonly defaults: readonly RandomColumn[]
  /** Columns of text that are stored. */
  readonly texts: readonly RandomColumn[]
  /** Refers to another table. */
  readonly isChild: boolean
}

/** What a table may refer to. */
export interface Surroundings {
  readonly palette: Palette
  readonly parents: readonly RandomTable[]
  /** SQL names of sequences, for defaults. */
  readonly sequences: readonly string[]
}

/** Makes a table; it may refer to those before it. */
export class TableMaker {
  private readonly maker: ColumnMaker

  constructor(
    private readonly random: Random,
    private readonly around: Surroundings,
  ) {
    this.maker = new ColumnMaker(random, around.palette, around.sequences)
  }

  make(schema: string, name: string): RandomTable {
    const { random, around, maker } = this
    const table = qualified(schema, name)
    const count = random.chance(0.1) ? 0 : random.int(1, MOST_ROWS)
    const key = random.chance(0.5) ? maker.keyGroup() : undefined
    const keyRows = key ? Array.from({ length: count }, (_, n) => key.row?.(n) ?? []) : []
    const own = key && random.chance(0.3) ? maker.reference(key.columns, keyRows, table, true) : undefined
    // No release takes a foreign key into another schema. COPY FROM DATABASE of 1.5 finds no order for grandchildren
    // when another schema has a table of the same name as the child.
    const parents = around.parents.filter(
      (parent) =>
        parent.schema === schema &&
        parent.key !== undefined &&
        !(around.palette.dialect === 'stable' && parent.isChild),
    )
    const parent = parents.length > 0 && random.chance(0.5) ? random.pick(parents) : undefined
    const child =
      parent?.key &&
      maker.reference(parent.key.columns, parent.key.rows, qualified(parent.schema, parent.name), false)
    const plain = random.times(1, 5, () => maker.plainGroup())
    const groups = [key, own, child, ...plain, ...maker.generated(plain)].filter(
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
      defaults: maker.defaults,
      texts: groups
        .filter((group) => group.row !== undefined)
        .flatMap((group) => group.columns.filter(isText)),
      isChild: child !== undefined,
    }
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

  /** Gaps in the row ids, updated rows. */
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
