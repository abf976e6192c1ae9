import { DuckfleetError } from '../../errors.js'
import { aliasBase } from './alias-base.js'
import { list, optionalText, text } from '../sql/row.js'
import { type Session, SqlError } from '../sql/session.js'
import { ident, literal } from '../sql/sql.js'
import type { UserType } from './catalog.js'
import { type DuckType, type Field, isScalarName, mapParts, parseSimpleType } from '../sql/types.js'

/** A place where a value of the type in question can be had: `SELECT expression AS e FROM relation`. */
interface Probe {
  readonly expression: string
  readonly relation: string
}

/**
 * Finds out types that releases up to 0.8 print ambiguously: 0.6 quotes no struct field, no release up to 0.8
 * quotes union members, 0.6 leaves their names out, and enums show only their name. So nested types are taken
 * apart by queries that read no row.
 */
export class TypeReader {
  constructor(
    private readonly session: Session,
    private readonly userTypes: readonly UserType[],
  ) {}

  /** The type that prints as `printed`, of a column or expression that `probe` can select. */
  async read(printed: string, probe: Probe): Promise<DuckType> {
    const simple = parseSimpleType(printed)
    if (simple) return simple
    const named = await this.readNamed(printed, probe)
    if (named) return named
    if (printed.endsWith('[]'))
      return {
        kind: 'list',
        item: await this.read(
          printed.slice(0, -2),
          inside(probe, (e) => `(${e})[1]`),
        ),
      }
    if (printed.startsWith('STRUCT(')) return { kind: 'struct', fields: await this.readFields(probe) }
    if (printed.startsWith('UNION(')) return { kind: 'union', members: await this.readMembers(probe) }
    if (printed.startsWith('MAP(')) return this.readMap(printed, probe)
    return this.readAnonymousEnum(printed, probe)
  }

  private async readNamed(printed: string, probe: Probe): Promise<DuckType | undefined> {
    const candidates = this.userTypes.filter((type) => type.name === printed)
    if (candidates.length === 0) return undefined
    const labels = candidates.some(({ type }) => type.kind === 'enum')
      ? await this.enumLabels(probe)
      : undefined
    for (const { schema, name, type } of candidates) {
      if (type.kind !== 'enum') return { kind: 'alias', named: { schema, name }, base: type }
      if (JSON.stringify(type.labels) === JSON.stringify(labels)) return { ...type, named: { schema, name } }
    }
    // A type of that name exists, but the column was made with another one that is gone.
    return labels && { kind: 'enum', labels, named: undefined }
  }

  private async readAnonymousEnum(printed: string, probe: Probe): Promise<DuckType> {
    const labels = await this.enumLabels(probe)
    if (labels) return { kind: 'enum', labels, named: undefined }
    throw new DuckfleetError('unsupported', `the type ${printed} is not known`)
  }

  private async enumLabels(probe: Probe): Promise<readonly string[] | undefined> {
    try {
      const rows = await this.session.query(
        `SELECT enum_range(first(e)) AS labels FROM (SELECT ${probe.expression} AS e FROM ${probe.relation} LIMIT 0) q`,
      )
      return rows[0] && list(rows[0], 'labels')
    } catch (error) {
      if (error instanceof SqlError) return undefined
      throw error
    }
  }

  private async readFields(probe: Probe): Promise<Field[]> {
    const rows = await this.session.query(
      `DESCRIBE SELECT e.* FROM (SELECT ${probe.expression} AS e FROM ${probe.relation}) q`,
    )
    const fields: Field[] = []
    for (const row of rows) {
      const name = text(row, 'column_name')
      const member = inside(probe, (e) => `struct_extract(${e}, ${literal(name)})`)
      fields.push({ name, type: await this.read(text(row, 'column_type'), member) })
    }
    return fields
  }

  private async readMembers(probe: Probe): Promise<Field[]> {
    const tags = await this.enumLabels(inside(probe, (e) => `union_tag(${e})`))
    const members: Field[] = []
    for (const name of tags ?? []) {
      const member = inside(probe, (e) => `union_extract(${e}, ${literal(name)})`)
      members.push({ name, type: await this.read(await this.describe(member), member) })
    }
    if (members.length === 0) throw new DuckfleetError('unsupported', 'a UNION without readable members')
    return members
  }

  private async readMap(printed: string, probe: Probe): Promise<DuckType> {
    const value = inside(probe, (e) => `element_at(${e}, NULL)[1]`)
    if (hasMapKeys(this.session.release)) {
      // What is printed does not quote the names in it, so it cannot be cut at the comma.
      const keys = inside(probe, (e) => `map_keys(${e})[1]`)
      const key = await this.read(await this.describe(keys), keys)
      return { kind: 'map', key, value: await this.read(await this.describe(value), value) }
    }
    const parts = mapParts(printed)
    if (!parts) throw new DuckfleetError('unsupported', `the type ${printed} cannot be read`)
    // 0.6 and 0.7 cannot take keys out of a map: a nested key is read from the printed type, or refused.
    const key = parseSimpleType(parts[0])
    if (!key) throw new DuckfleetError('unsupported', `the key type of ${printed} cannot be read`)
    return { kind: 'map', key, value: await this.read(parts[1], value) }
  }

  private async describe(probe: Probe): Promise<string> {
    const rows = await this.session.query(`DESCRIBE SELECT ${probe.expression} AS e FROM ${probe.relation}`)
    return rows[0] ? text(rows[0], 'column_type') : ''
  }
}

/** Can this release take the keys and values out of a map? */
export function hasMapKeys(release: string): boolean {
  return !/^0\.[4-7]\./.test(release)
}

/** A part of a probe's value. No query inside a query: engines take ever longer for each that is nested. */
function inside({ expression, relation }: Probe, part: (whole: string) => string): Probe {
  return { expression: part(expression), relation }
}

/** What `CREATE TYPE` made. `folder`: where a small Parquet file may be written and read back. */
export async function readUserTypes(session: Session, where: string, folder: string): Promise<UserType[]> {
  const rows = await session
    .query(
      `SELECT schema_name, type_name, logical_type FROM duckdb_types() WHERE NOT internal ${where} ORDER BY type_oid`,
    )
    .catch((error: unknown) => {
      throw emptyEnum(error) ?? error
    })
  const types: UserType[] = []
  for (const row of rows) {
    const schema = text(row, 'schema_name')
    const name = text(row, 'type_name')
    const logical = optionalText(row, 'logical_type') ?? ''
    // No release up to 0.8 parses a schema before a type name.
    if (schema !== 'main') await session.query(`SET schema = ${literal(schema)}`)
    types.push({ schema, name, type: await readDefinition(session, name, logical, folder, types) })
    if (schema !== 'main') await session.query(`SET schema = 'main'`)
  }
  return types
}

/** 0.8 breaks when it lists a type that is an ENUM without labels. */
function emptyEnum(error: unknown): DuckfleetError | undefined {
  if (!(error instanceof Error && /Value::LIST without providing a child-type/.test(error.message)))
    return undefined
  return new DuckfleetError(
    'unsupported',
    'a type of the file is an ENUM without labels, and its release breaks when it is asked for its types: drop that type, with ' +
      'the release that wrote the file',
    { cause: error },
  )
}

async function readDefinition(
  session: Session,
  name: string,
  logical: string,
  folder: string,
  earlier: readonly UserType[],
): Promise<DuckType> {
  const reader = new TypeReader(session, earlier)
  const value = { expression: `CAST(NULL AS ${ident(name)})`, relation: '(SELECT 1) one' }
  if (logical === 'ENUM') return reader.read('', value)
  if (isScalarName(logical)) return { kind: 'scalar', name: logical }
  const rows = await session.query(`DESCRIBE SELECT ${value.expression} AS e`)
  const printed = rows[0] ? text(rows[0], 'column_type') : name
  if (printed !== name) return reader.read(printed, value)
  // 0.6 and 0.7 print only the alias; Parquet knows what it stands for.
  const file = literal(`${folder}/type-${Math.random().toString(36).slice(2)}.parquet`)
  await session.query(`COPY (SELECT ${value.expression} AS e) TO ${file} (FORMAT PARQUET)`)
  const stored = await session.query(`DESCRIBE SELECT e FROM parquet_scan(${file})`)
  const parquet = stored[0] ? text(stored[0], 'column_type') : ''
  const told = await reader.read(parquet, { expression: 'e', relation: `parquet_scan(${file})` })
  const base = await aliasBase(session, ident(name), told)
  if (base) return base
  throw new DuckfleetError(
    'unsupported',
    `type ${name}: cannot tell what ${parquet} stood for in release ${session.release}`,
  )
}
