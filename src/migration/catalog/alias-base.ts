import { type Session, SqlError } from '../sql/session.js'
import { ident } from '../sql/sql.js'
import { type DuckType, type Field, renderType, type ScalarName } from '../sql/types.js'

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

/** What a part stands in: the SQL of a value, and the type, that have it in its place and NULL everywhere else. */
interface Around {
  readonly value: (part: string) => string
  readonly type: (part: DuckType) => DuckType
}

const NOTHING: Around = { value: (part) => part, type: (part) => part }

/** The type that `alias`, SQL, stands for; `stored` is what Parquet makes of it. Undefined where that cannot be told. */
export async function aliasBase(
  session: Session,
  alias: string,
  stored: DuckType,
  { value, type }: Around = NOTHING,
): Promise<DuckType | undefined> {
  if (stored.kind === 'list') {
    const around: Around = {
      value: (part) => value(`[${part}]`),
      type: (item) => type({ kind: 'list', item }),
    }
    const item = await aliasBase(session, alias, stored.item, around)
    return item && { kind: 'list', item }
  }
  if (stored.kind === 'struct') {
    const fields: Field[] = []
    for (const field of stored.fields) {
      const told = await aliasBase(session, alias, field.type, inField(stored.fields, field, { value, type }))
      if (!told) return undefined
      fields.push({ name: field.name, type: told })
    }
    return { kind: 'struct', fields }
  }
  // A map is not taken apart: what is in it has to be plain.
  if (stored.kind !== 'scalar') return isAmbiguous(renderType(stored)) ? undefined : stored
  return await scalarOf(session, alias, stored, { value, type })
}

function inField(fields: readonly Field[], field: Field, { value, type }: Around): Around {
  return {
    value: (part) => {
      const packed = fields.map(
        (one) => `${ident(one.name)} := ${one === field ? part : `CAST(NULL AS ${renderType(one.type)})`}`,
      )
      return value(`struct_pack(${packed.join(', ')})`)
    },
    type: (part) =>
      type({ kind: 'struct', fields: fields.map((one) => (one === field ? { ...one, type: part } : one)) }),
  }
}

async function scalarOf(
  session: Session,
  alias: string,
  stored: Extract<DuckType, { kind: 'scalar' }>,
  around: Around,
): Promise<DuckType | undefined> {
  const candidates = CANDIDATES[stored.name]
  if (!candidates) return stored
  const { sample, types } = candidates
  if (types.length === 0) return undefined
  const value = around.value(sample)
  const printed = await print(session, value, alias)
  for (const name of types) {
    const candidate: DuckType = { kind: 'scalar', name }
    const wanted = await print(session, value, renderType(around.type(candidate)))
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
