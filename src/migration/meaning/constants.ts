import { isNode, type Node } from './syntax-tree.js'

/** The type of a constant; undefined for everything else. */
export function constantType(node: Node): string | undefined {
  if (node['class'] !== 'CONSTANT' || !isNode(node['value'])) return undefined
  const { type } = node['value'] as { readonly type?: unknown }
  return isNode(type) && typeof type['id'] === 'string' ? type['id'] : undefined
}

export function constantText(node: Node): string | undefined {
  const value = isNode(node['value']) ? node['value']['value'] : undefined
  return constantType(node) === 'VARCHAR' && typeof value === 'string' ? value : undefined
}

export function isNull(node: Node): boolean {
  return isNode(node['value']) && node['value']['is_null'] === true
}
