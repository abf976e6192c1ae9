import { asDuckfleetError, DuckfleetError } from '../errors.js'
import { SqlError } from './sql/session.js'

/** Complaints about an expression, a name or a value: the file is whole, but this engine cannot do what it holds. */
const NO_DAMAGE =
  /^(?:Error: |Opening the database failed with error: )*(?:Binder|Catalog|Parser|Syntax|Not implemented|Conversion|Constraint|Dependency|Invalid Input|Mismatch Type|Missing Extension|Out of Range|Parameter Not Resolved|Permission|Sequence|Settings) Error/i

/** Does an engine say this of a file that is damaged? Memory that is short is another matter. */
export function tellsDamage(complaint: string): boolean {
  return !NO_DAMAGE.test(complaint)
}

/** What the source engine refuses to read is damaged or not understood: never a reason to go on without it. */
export function sourceError(error: unknown, what: string): DuckfleetError {
  if (error instanceof SqlError && /Out of Memory/i.test(error.message))
    return new DuckfleetError(
      'engine',
      `${what} needs more memory than the source engine was given: raise --memory`,
      {
        cause: error,
      },
    )
  if (error instanceof SqlError && !tellsDamage(error.message))
    return new DuckfleetError(
      'unsupported',
      `${what} cannot be read: ${error.message}${advice(error.message)}`,
      {
        cause: error,
      },
    )
  if (error instanceof SqlError)
    return new DuckfleetError('corrupt', `${what} cannot be read: ${error.message}`, { cause: error })
  return emptyIndex(error) ?? asDuckfleetError(error)
}

/** 0.9 stores nothing of an index without entries. 1.1.3 and 1.4.4 read that, and store it so again; 1.5 breaks (tried). */
function emptyIndex(error: unknown): DuckfleetError | undefined {
  const [, index] =
    (error instanceof Error && /index storage info with name '(.+)' not found/s.exec(error.message)) || []
  if (index === undefined) return undefined
  return new DuckfleetError(
    'unsupported',
    `index ${index} has no entries (its table is empty, or holds NULLs alone), and was stored by 0.9 in a way in which DuckDB ` +
      'from 1.5 on opens no file. The file is not damaged: upgrade it with --to 1.4.4 --storage-version v1.4.0 (and duckfleet ' +
      'engines install 1.4.4 before), which a newer target reads; or drop the index, with the DuckDB that wrote the file',
    { cause: error },
  )
}

/** What WebAssembly engines lack; see `wasm-attach.ts` for what is opened nevertheless. */
const LACKED = [
  {
    complaint: /No function matches.*TIMESTAMP WITH TIME ZONE|make_timestamptz/,
    lacked: 'time zones',
    values: 'TIMESTAMP WITH TIME ZONE',
  },
  {
    complaint: /in the json extension|Type with name JSON/,
    lacked: 'functions of JSON',
    values: 'JSON',
  },
]

function advice(told: string): string {
  const found = LACKED.find(({ complaint }) => complaint.test(told))
  if (found === undefined) return ''
  return (
    ` (the file is not damaged: the engine that reads it knows no ${found.lacked}. Drop the CHECK, DEFAULT or generated ` +
    `column that computes with ${found.values}, with the file attached in the release that wrote it)`
  )
}

/** What the target refuses to write, by name. */
export function targetError(error: unknown, what: string): DuckfleetError {
  if (!(error instanceof SqlError)) return asDuckfleetError(error)
  const full = /No space left|not enough space|disk full/i.test(error.message)
  return new DuckfleetError(
    full ? 'no-space' : 'unsupported',
    `${what} cannot be written: ${error.message}${refusedRows(error.message)}`,
    { cause: error },
  )
}

function refusedRows(complaint: string): string {
  if (!/CHECK constraint failed/.test(complaint)) return ''
  return (
    '. Its rows were let in once: a CHECK that looks at the present time or the time zone, or means something else now, ' +
    'refuses them. Copy them to a table without it, with the release that wrote the file'
  )
}
