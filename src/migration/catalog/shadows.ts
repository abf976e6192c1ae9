import { DuckfleetError } from '../../errors.js'
import { display, type Macro, type ObjectName } from './catalog.js'

/** Functions that the statements of a transfer call; some by an operator, such as list_value by `[…]`. */
const CALLED: ReadonlySet<string> = new Set(
  [
    'array_extract bit_xor chr concat count count_star current_database date_part duckdb_columns duckdb_constraints',
    'duckdb_functions duckdb_indexes duckdb_schemas duckdb_sequences duckdb_tables duckdb_types duckdb_views',
    'element_at enum_range epoch_ns error greatest hash len list_aggr list_extract list_transform list_value lower',
    'make_timestamp_ns map map_keys map_values octet_length parquet_scan pragma_table_info regexp_matches row_number',
    'split_part string_agg strlen struct_extract struct_pack sum to_days to_microseconds to_months union_extract union_tag',
    'union_value xor',
  ].flatMap((line) => line.split(' ')),
)

export function isCalled(name: string): boolean {
  return CALLED.has(name.toLowerCase())
}

/**
 * An engine calls a macro instead of its own function of that name, also on the way of values from file to file.
 * @throws DuckfleetError `unsupported`, naming the macro.
 */
export function refuseShadows(macros: readonly Macro[]): void {
  const found = macros.find(({ schema, name }) => schema === 'main' && isCalled(name))
  if (found)
    throw new DuckfleetError(
      'unsupported',
      `macro ${display(found)} has the name of a function that the upgrade calls, which would give other values: ` +
        'give it another name in the source, with the release that wrote it',
    )
}

/** Databases of the engine's own: what stands before the first dot is one of them, whatever a file calls a schema. */
const ENGINE_NAMES = /^(?:system|temp)$/i

/** @throws DuckfleetError `unsupported`, naming the schema. */
export function refuseEngineNames(schemas: readonly string[], tables: readonly ObjectName[]): void {
  const found = schemas.find((schema) => ENGINE_NAMES.test(schema))
  if (found === undefined) return
  const inside = tables.filter(({ schema }) => schema === found).map(({ name }) => name)
  throw new DuckfleetError(
    'unsupported',
    `schema ${found} has the name of a database that every engine has, so that "${found}.x" means something else: move what ` +
      `is in it (${inside.join(', ') || 'no table'}) to another schema, with the release that wrote the file, and drop it`,
  )
}
