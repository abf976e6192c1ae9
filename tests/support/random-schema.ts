import { ident, literal, qualified } from '../../src/migration/sql/sql.js'
import { Names } from './random-names.js'
import { type Dialect, isOld } from './random-dialect.js'
import { scalarsOf } from './random-scalars.js'
import { type RandomRelation, type RandomTable, TableMaker } from './random-table.js'
import { type Palette, plainest, randomType, type RandomType, typeSql } from './random-type.js'
import { randomIndexes, randomMacros, randomSequence, randomView } from './random-objects.js'
import { Random } from './random.js'

/** A schema with everything in it, as statements and as what can be read from it afterwards. */
export interface RandomSchema {
  readonly seed: number
  readonly statements: readonly string[]
  readonly tables: readonly RandomTable[]
  readonly views: readonly RandomRelation[]
  /** SQL names of its sequences. */
  readonly sequences: readonly string[]
  /** Queries that give one text. */
  readonly calls: readonly string[]
}

/**
 * The schema of a seed. Names hold the seed where schemas share a namespace, so that many fit into one file.
 */
export function randomSchema(seed: number, dialect: Dialect): RandomSchema {
  const random = new Random(seed)
  const statements: string[] = []
  const spaces = makeSpaces(random, seed, statements)
  const palette: Palette = { scalars: scalarsOf(dialect), named: [], dialect, names: () => new Names(random) }
  const named = makeTypes(random, seed, dialect, palette, statements)
  const around = { ...palette, named }
  const sequences = random.times(0, 2, () => {
    // The nextval of 0.8.1 takes no quotes in names.
    const { schema, names } = random.pick(spaces.filter((space) => !space.schema.includes('"')))
    const name = qualified(schema, names.fresh('"'))
    statements.push(...randomSequence(random, name))
    return name
  })
  const defaultable = random.chance(0.5) ? sequences : []
  const tables: RandomTable[] = []
  for (let left = random.int(1, 4); left > 0; left--) {
    const { schema, names } = random.pick(spaces)
    // 0.8.1 does not open its own file again when a table or a view of another schema than that of an enum uses it.
    const here = dialect === 'stable' || schema === 'main' ? around : palette
    const table = new TableMaker(random, { palette: here, parents: tables, sequences: defaultable }).make(
      schema,
      names.fresh(),
    )
    tables.push(table)
    statements.push(...table.statements)
  }
  const indexes = spaces.flatMap(({ schema, names }) =>
    tables.filter((table) => table.schema === schema).flatMap((table) => randomIndexes(random, names, table)),
  )
  const views: RandomRelation[] = []
  for (let left = random.int(0, 2); left > 0; left--) {
    const { schema, names } = random.pick(spaces)
    const relations = [...tables, ...views].filter(
      (relation) => dialect === 'stable' || named.length === 0 || relation.schema === schema,
    )
    if (relations.length === 0) continue
    const view = randomView(random, { schema, name: names.fresh() }, relations)
    views.push(view)
    statements.push(view.statement)
  }
  const macros = random.times(0, random.pick([0, 0, 2]), () => {
    const { schema, names } = random.pick(spaces)
    return randomMacros(random, qualified(schema, names.fresh()), tables)
  })
  statements.push(...indexes, ...macros.map(({ statement }) => statement))
  return { seed, statements, tables, views, sequences, calls: macros.flatMap(({ calls }) => calls) }
}

interface Space {
  readonly schema: string
  readonly names: Names
}

function makeSpaces(random: Random, seed: number, statements: string[]): Space[] {
  const suffix = ` ${seed}`
  const schemas = new Names(random, suffix)
  let spaceCount = 0
  const spaces = random.times(1, 2, (): Space => {
    if (random.chance(0.3)) return { schema: 'main', names: new Names(random, suffix) }
    const schema = schemas.fresh(spaceCount++ === 0 ? '"' : undefined)
    statements.push(`CREATE SCHEMA ${ident(schema)}`)
    return { schema, names: new Names(random) }
  })
  const [first, second] = spaces
  return first && second?.schema === first.schema ? [first] : spaces
}

/** Enums, small and large, and names for other types. */
function makeTypes(
  random: Random,
  seed: number,
  dialect: Dialect,
  palette: Palette,
  statements: string[],
): RandomType[] {
  const names = new Names(random, ` type ${seed}`)
  return random.times(0, 3, (): RandomType => {
    const name = ident(names.fresh())
    if (random.chance(0.25)) {
      const base = aliasBase(random, palette)
      statements.push(`CREATE TYPE ${name} AS ${typeSql(base)}`)
      return { kind: 'alias', sql: name, base, opaque: isOld(dialect) }
    }
    const labels = enumLabels(random)
    const inline = `ENUM(${labels.map(literal).join(', ')})`
    if (dialect === 'stable' && random.chance(0.3)) return { kind: 'enum', sql: inline, labels }
    statements.push(`CREATE TYPE ${name} AS ${inline}`)
    return { kind: 'enum', sql: name, labels }
  })
}

/** What a name stands for; in 0.6 and 0.7 only numbers, and lists and structs of them, print like in later releases. */
function aliasBase(random: Random, palette: Palette): RandomType {
  const plain = plainest(palette)
  if (!isOld(palette.dialect)) return randomType(random, plain, random.int(0, 1))
  const scalars = plain.scalars.filter(({ print }) => print === 'number')
  const scalar = (): RandomType => ({ kind: 'scalar', scalar: random.pick(scalars) })
  switch (random.int(0, 3)) {
    case 0:
      return { kind: 'list', item: scalar() }
    case 1:
      return { kind: 'struct', fields: random.times(1, 3, (n) => ({ name: `f${n}`, type: scalar() })) }
    default:
      return scalar()
  }
}

function enumLabels(random: Random): string[] {
  // More than 255 labels take two bytes a value.
  if (random.chance(0.1)) return Array.from({ length: 300 }, (_, n) => `label ${n}`)
  const labels = new Names(random)
  return random.times(1, 6, () => labels.fresh())
}
