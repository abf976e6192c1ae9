/** The routes, as messages and publishers spell them. */
export const ROUTES = ['s3-s3', 'efs-efs', 's3-efs', 'efs-s3'] as const
export type Route = (typeof ROUTES)[number]

/** Which kinds of store a route reads from and writes to. */
export function endsOf(route: Route): { readonly from: 's3' | 'efs'; readonly to: 's3' | 'efs' } {
  switch (route) {
    case 's3-s3':
      return { from: 's3', to: 's3' }
    case 'efs-efs':
      return { from: 'efs', to: 'efs' }
    case 's3-efs':
      return { from: 's3', to: 'efs' }
    case 'efs-s3':
      return { from: 'efs', to: 's3' }
    default:
      route satisfies never
      throw new Error('unknown route')
  }
}
