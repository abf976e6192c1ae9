import { expect, it } from 'vitest'
import { DuckfleetError } from '../../src/errors.js'
import { SqlError } from '../../src/migration/sql/session.js'
import { sourceError, targetError } from '../../src/migration/transfer-errors.js'

it.each([
  ['Binder Error: No function matches', 'unsupported'],
  ['Catalog Error: Scalar Function with name m does not exist!', 'unsupported'],
  ['Opening the database failed with error: Binder Error: no', 'unsupported'],
  ['Parser Error: Max expression depth limit of 1000 exceeded', 'unsupported'],
  ['Conversion Error: Unimplemented type for cast', 'unsupported'],
  ['Not implemented Error: a type', 'unsupported'],
  ['IO Error: Could not read enough bytes', 'corrupt'],
  ['bad array length', 'corrupt'],
  ['Out of Memory Error: could not allocate', 'engine'],
])('%s is %s', (message, code) => {
  const error = sourceError(new SqlError(message, 'SELECT 1'), 'the file')
  expect(error.code).toBe(code)
  expect(error.message).toMatch(/^the file /)
})

it.each([
  [
    "Binder Error: No function matches the given name and argument types '-(TIMESTAMP WITH TIME ZONE, INTERVAL)'.",
    'knows no time zones',
  ],
  [
    'Catalog Error: Function with name "json_transform" is not in the catalog, but it exists in the json extension.',
    'knows no functions of JSON',
  ],
])('says what to do about %s', (complaint, wanted) => {
  const { message } = sourceError(new SqlError(complaint, ''), 'the file')
  expect(message).toMatch(/the file is not damaged: .* Drop the CHECK, DEFAULT or generated column/)
  expect(message).toContain(wanted)
})

it('says what to do about an index that 1.5 breaks at', () => {
  const complaint = "INTERNAL Error: ExtractIndexStorageInfo: index storage info with name 'i' not found"
  const broke = new DuckfleetError('engine', `the 1.5.6 (neo) engine broke: ${complaint}`)
  expect(sourceError(broke, 'the file')).toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(/^index i has no entries .* not damaged: .* --to 1\.4\.4/) as string,
  })
})

it('says why rows that were let in are refused now', () => {
  const refused = new SqlError(
    'Constraint Error: CHECK constraint failed on table t with expression CHECK((a > now()))',
    '',
  )
  expect(targetError(refused, 'table main.t').message).toMatch(
    /CHECK\(\(a > now\(\)\)\)\. Its rows were let in once/,
  )
  expect(targetError(new SqlError('Constraint Error: Duplicate key', ''), 'table main.t').message).toMatch(
    /key$/,
  )
})
