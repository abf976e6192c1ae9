import { type Session, SqlError } from './session.js'
import { ident } from './sql.js'
import { type DuckType, renderType, type ScalarName } from './types.js'

/*
 * 0.6 and 0.7 print of a named type only its name. Their Parquet tells what it stands for, but for some scalars, which it
 * makes one of: those are told apart by how a value prints that only one of them holds.
 */

interface Candidates {
  /** A value of the type that Parquet makes of all of them. */
  readonly sample: string
  readonly types: readonly ScalarName[]
}

const CANDIDATES: Partial<Record<ScalarName, Candidates>> = {
  DOUBLE: { sample: 'CAST(0.5 AS DOUBLE)', types: ['DOUBLE', 'HUGEINT'] },
  TIMESTAMP: {
    // Beyond what a TIMESTAMP_NS holds.
    sample: `TIMESTAMP '3000-01-01 00:00:00.123456'`,
    types: ['TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP WITH TIME ZONE'],
  },
  TIME: { sample: `TIME '12:34:56.789'`, types: ['TIME', 'TIME WITH TIME ZONE'] },
  'TIMESTAMP WITH TIME ZONE': {
    sample: `CAST('3000-01-01 00:00:00.123456+00' AS TIMESTAMP WITH TIME ZONE)`,
    types: ['TIMESTAMP WITH TIME ZONE'],
  },
  'TIME WITH TIME ZONE': {
    sample: `CAST('12:34:56.789+00' AS TIME WITH TIME ZONE)`,
    types: ['TIME WITH TIME ZONE'],
  },
  // It may be a BIT: asking for one, engines hang.
  BLOB: { sample: 'NULL', types: [] },
  INTERVAL: { sample: 'INTERVAL 1 MONTH', types: ['INTERVAL'] },
}

/** The type that `alias`, SQL, stands for; `stored` is what Parquet makes of it. Undefined where that cannot be told. */
export async function aliasBase(
  session: Session,
  alias: string,
  stored: DuckType,
): Promise<DuckType | undefined> {
  let base = stored
  for (let leaf = 0; leaf < leavesOf(stored); leaf++) {
    const found = await scalarAt(session, alias, stored, leaf)
    if (found === undefined) return undefined
    base = replaced(base, leaf, found)
  }
  return base
}

/** The type of the n-th leaf. */
async function scalarAt(
  session: Session,
  alias: string,
  stored: DuckType,
  leaf: number,
): Promise<DuckType | undefined> {
  const type = leafAt(stored, leaf)
  // A map is not taken apart: what is in it has to be plain.
  if (type?.kind !== 'scalar') return type && isAmbiguous(renderType(type)) ? undefined : type
  const candidates = CANDIDATES[type.name]
  if (!candidates) return type
  if (candidates.types.length === 0) return undefined
  const value = sample(stored, leaf, candidates.sample)
  const printed = await print(session, value, alias)
  for (const name of candidates.types) {
    const candidate: DuckType = { kind: 'scalar', name }
    const wanted = await print(session, value, renderType(replaced(stored, leaf, candidate)))
    if (printed !== undefined && printed === wanted) return candidate
  }
  return undefined
}

function isAmbiguous(rendered: string): boolean {
  return Object.keys(CANDIDATES).some((name) => rendered.includes(name))
}

async function print(session: Session, value: string, type: string): Promise<string | undefined> {
  try {
    const [row] = await session.query(`SELECT CAST(CAST(${value} AS ${type}) AS VARCHAR) AS printed`)
    return row && typeof row['printed'] === 'string' ? row['printed'] : undefined
  } catch (error) {
    if (error instanceof SqlError) return undefined
    throw error
  }
}

/** SQL of a value that is NULL but for the n-th leaf. */
function sample(type: DuckType, leaf: number, value: string): string {
  if (type.kind === 'list') return `[${sample(type.item, leaf, value)}]`
  if (type.kind !== 'struct') return leaf === 0 ? value : `CAST(NULL AS ${renderType(type)})`
  const fields = parts(type).map(
    ({ name, part, first }) => `${ident(name)} := ${sample(part, leaf - first, value)}`,
  )
  return `struct_pack(${fields.join(', ')})`
}

function replaced(type: DuckType, leaf: number, by: DuckType): DuckType {
  if (type.kind === 'list') return { kind: 'list', item: replaced(type.item, leaf, by) }
  if (type.kind !== 'struct') return leaf === 0 ? by : type
  const fields = parts(type).map(({ name, part, first }) => ({
    name,
    type: replaced(part, leaf - first, by),
  }))
  return { kind: 'struct', fields }
}

function leafAt(type: DuckType, leaf: number): DuckType | undefined {
  if (type.kind === 'list') return leafAt(type.item, leaf)
  if (type.kind !== 'struct') return leaf === 0 ? type : undefined
  return parts(type)
    .map(({ part, first }) =>
      leaf >= first && leaf - first < leavesOf(part) ? leafAt(part, leaf - first) : undefined,
    )
    .find((found) => found !== undefined)
}

/** Scalars, and whatever else is not taken apart. */
function leavesOf(type: DuckType): number {
  if (type.kind === 'list') return leavesOf(type.item)
  if (type.kind !== 'struct') return 1
  return type.fields.reduce((sum, field) => sum + leavesOf(field.type), 0)
}

/** The fields of a struct, each with the number of leaves before it. */
function parts({
  fields,
}: Extract<DuckType, { kind: 'struct' }>): readonly { name: string; part: DuckType; first: number }[] {
  let first = 0
  return fields.map(({ name, type }) => {
    const part = { name, part: type, first }
    first += leavesOf(type)
    return part
  })
}
