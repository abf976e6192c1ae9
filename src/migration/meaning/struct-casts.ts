import type { Bind } from './bind.js'
import type { Sure } from './one-type.js'
import { changeNodes, isNode, isVolatileTree, type Node, type Parser } from './syntax-tree.js'
import { ident, literal } from '../sql/sql.js'

/*
 * Up to 0.8 a STRUCT that was cast to one with other field names gave its fields in their order. Since then they are
 * looked for by name: those that are not found are NULL, and a STRUCT without any is refused.
 */

/** `CAST(s AS STRUCT(x INTEGER, y VARCHAR))` with what gives the fields of s these names. */
export async function castInOrder(node: Node, bind: Bind, parser: Parser): Promise<Sure> {
  const { child } = node
  const wanted = fieldsOf(node['cast_type'])
  if (node['class'] !== 'CAST' || wanted.length === 0 || !isNode(child)) return { node, isSure: true }
  const found = await bind(child)
  const given = 'type' in found ? fieldsOf(await parser.type(found.type)) : []
  const isSame = given.every((name, i) => name.toLowerCase() === wanted[i]?.toLowerCase())
  if (given.length !== wanted.length || isSame) return { node, isSure: true }
  // Each field would be asked for by itself.
  if (isVolatileTree(child)) return { node, isSure: false }
  const fields = given.map(
    (name, i) => `${ident(wanted[i] ?? '')} := struct_extract(${STRUCT}, ${literal(name)})`,
  )
  const renamed = await parser.expression(
    `CASE WHEN ${STRUCT} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`,
  )
  if (!renamed) return { node, isSure: false }
  return {
    node: { ...node, child: changeNodes(renamed, (one) => (isStruct(one) ? child : one)) },
    isSure: true,
  }
}

const STRUCT = 'duckfleet_struct'

function isStruct({ class: kind, column_names: names }: Node): boolean {
  return kind === 'COLUMN_REF' && Array.isArray(names) && names[0] === STRUCT
}

function fieldsOf(type: unknown): string[] {
  const info = isNode(type) && type['id'] === 'STRUCT' ? type['type_info'] : undefined
  const fields = isNode(info) && Array.isArray(info['child_types']) ? (info['child_types'] as unknown[]) : []
  return fields.filter(isNode).map((field) => String(field['first']))
}
