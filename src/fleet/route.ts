/** The kinds of store that a message can name. */
type Datastore = 's3' | 'efs'

/** From which kind of store to which. */
export type Route = `${Datastore}-${Datastore}`

/** Where a file is, or shall be. */
export type Location =
  | { readonly datastore: 's3'; readonly bucket: string; readonly key: string }
  | { readonly datastore: 'efs'; readonly key: string }
