import type { Node } from './syntax-tree.js'

/** The type that the target finds for an expression, or its complaint. */
export type Bind = (expression: Node) => Promise<{ readonly type: string } | { readonly complaint: string }>
