import type { Bind } from './bind.js'
import { constantType, isNull } from './constants.js'
import { isNode, keyOf, type Node } from './syntax-tree.js'

/*
 * Types that need no question to an engine, which would take long for expressions that are nested deeply.
 */

const SIGNED = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT'] as const

/** The type of an expression of which those of its parts are known; undefined where the engine has to be asked. */
function inferType(node: Node, typeOf: (part: Node) => string | undefined): string | undefined {
  const children = [node['children']].flat().filter(isNode)
  switch (node['class']) {
    case 'CAST':
      return namedType(node['cast_type'])
    case 'COMPARISON':
    case 'BETWEEN':
    case 'CONJUNCTION':
      return 'BOOLEAN'
    case 'CASE': {
      const branches = [node['case_checks']].flat().filter(isNode)
      return common(
        [...branches.map((branch) => branch['then_expr']), node['else_expr']].filter(isNode),
        typeOf,
      )
    }
    case 'OPERATOR':
      if (node['type'] === 'OPERATOR_COALESCE') return common(children, typeOf)
      return /^(COMPARE_|OPERATOR_IS_|OPERATOR_NOT$)/.test(String(node['type'])) ? 'BOOLEAN' : undefined
    case 'FUNCTION':
      return children.length === 2 && /^[-+*]$/.test(String(node['function_name']))
        ? widest(children.map(typeOf))
        : undefined
    default:
      return undefined
  }
}

/** Of a type that has no parts and no other name. */
function namedType(type: unknown): string | undefined {
  if (!isNode(type) || type['type_info'] !== null) return undefined
  const id = String(type['id'])
  return /^(USER|UNBOUND|ENUM)$/.test(id) ? undefined : id
}

function common(values: readonly Node[], typeOf: (part: Node) => string | undefined): string | undefined {
  const types = new Set(values.filter((value) => !isNull(value)).map(typeOf))
  const [type] = types
  return types.size === 1 ? type : undefined
}

function widest(types: readonly (string | undefined)[]): string | undefined {
  if (types.every((type) => type === 'DOUBLE')) return 'DOUBLE'
  const ranks = types.map((type) => SIGNED.findIndex((one) => one === type))
  return ranks.includes(-1) ? undefined : SIGNED[Math.max(...ranks)]
}

/** What is known of the types in one place, from an engine that is asked as little as possible. */
export class KnownTypes {
  /** `byText`: of what stands in this place. `byNode`: of what has been looked at anywhere. */
  constructor(
    private readonly ask: Bind,
    private readonly byText = new Map<string, string>(),
    private readonly byNode = new WeakMap<Node, string>(),
  ) {}

  readonly bind: Bind = async (expression) => {
    const inferred = this.byNode.get(expression) ?? inferType(expression, () => undefined)
    if (inferred !== undefined) return { type: inferred }
    const key = keyOf(expression)
    const type = this.byText.get(key)
    if (type !== undefined) return { type }
    const found = await this.ask(expression)
    if ('type' in found) this.byText.set(key, found.type)
    return found
  }

  /** To be called with every node, from the inside out. */
  learn(node: Node): void {
    const type = inferType(node, (part) => this.typeOf(part))
    if (type !== undefined) this.byNode.set(node, type)
  }

  private typeOf(part: Node): string | undefined {
    const type = constantType(part) ?? this.byNode.get(part)
    if (type !== undefined) return type
    return part['class'] === 'COLUMN_REF' ? this.byText.get(keyOf(part)) : inferType(part, () => undefined)
  }
}
