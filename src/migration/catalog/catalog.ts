import type { DuckType, TypeName } from '../sql/types.js'

/** Everything a database file holds besides rows, as the releases up to 0.8 can tell it. */
export interface Catalog {
  /** The name that the database has, where something in it may name the database; else undefined. */
  readonly database: string | undefined
  /** Schemas other than `main`. */
  readonly schemas: readonly string[]
  readonly types: readonly UserType[]
  readonly sequences: readonly Sequence[]
  readonly macros: readonly Macro[]
  readonly tables: readonly Table[]
  readonly indexes: readonly Index[]
  readonly views: readonly View[]
}

/** The name of any object in a schema. */
export type ObjectName = TypeName

export interface UserType extends ObjectName {
  readonly type: DuckType
}

/** All numbers are decimal text: they are 64-bit. */
export interface Sequence extends ObjectName {
  /** What the next `nextval` gives; undefined when it is exhausted. */
  readonly next: string | undefined
  readonly increment: string
  readonly min: string
  readonly max: string
  readonly cycle: boolean
}

export interface Macro extends ObjectName {
  /** From the parameter list to the end: `(a, b := 5) AS (a + b)`. */
  readonly definition: string
  /** Why the source engine cannot use it, where something that it names is missing. */
  readonly broken?: string
}

export interface Table extends ObjectName {
  readonly columns: readonly Column[]
  readonly constraints: readonly Constraint[]
}

export interface Column {
  readonly name: string
  readonly type: DuckType
  readonly nullable: boolean
  /** SQL text of the default, or undefined. */
  readonly default: string | undefined
  /** SQL text of the expression of a generated column, or undefined. */
  readonly generated: string | undefined
  /** Such as `NOCASE`, or undefined for the binary one. */
  readonly collation: string | undefined
}

export type Constraint =
  | { readonly kind: 'primary-key' | 'unique'; readonly columns: readonly string[] }
  | { readonly kind: 'check'; readonly expression: string }
  | {
      readonly kind: 'foreign-key'
      readonly columns: readonly string[]
      readonly references: ObjectName
      readonly referenced: readonly string[]
    }

export interface Index extends ObjectName {
  /** The table is in the same schema. */
  readonly table: string
  readonly unique: boolean
  /** From the bracket to the end: `(a, (b + 1))`. */
  readonly definition: string
}

export interface View extends ObjectName {
  /** Column aliases after the name, with their brackets, or ''. */
  readonly aliases: string
  /** The SELECT. */
  readonly query: string
  /** The columns that the source engine gives, or why it cannot use the view. */
  readonly columns: readonly ViewColumn[] | { readonly broken: string }
  /** The columns that are recorded in the file, which a broken view still has. */
  readonly recorded: readonly ViewColumn[]
}

export interface ViewColumn {
  readonly name: string
  /** As the source engine prints it. */
  readonly type: string
}

/** What the source engine says of the divisions in a file. */
export interface Divisions {
  /** Expressions with `//` wherever integers are divided, by the object and the SQL that hold them. */
  readonly written: ReadonlyMap<string, string>
  /** What holds divisions of which the engine cannot say it, in words. */
  readonly untold: readonly string[]
}

/** `schema.name` for messages. */
export function display({ schema, name }: ObjectName): string {
  return `${schema}.${name}`
}
