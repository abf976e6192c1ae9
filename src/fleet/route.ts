/** From which kind of store to which. */
export const ROUTES = ['s3-s3', 'efs-efs', 's3-efs', 'efs-s3'] as const
export type Route = (typeof ROUTES)[number]

/** Where a file is, or shall be. */
export type Location =
  | { readonly datastore: 's3'; readonly bucket: string; readonly key: string }
  | { readonly datastore: 'efs'; readonly key: string }
