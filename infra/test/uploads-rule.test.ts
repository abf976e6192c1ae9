import { describe, expect, it } from 'vitest'
import { withUploadsRule } from '../lib/uploads-rule.js'

const wanted = {
  ID: 'stranded-uploads',
  Status: 'Enabled',
  Filter: { Prefix: '' },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
}
const abort = { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 3 } }

describe('the rule for stranded uploads', () => {
  it('is the only one of a bucket that had none', () => {
    expect(withUploadsRule({ Rules: [] }, 7)?.rules).toEqual({ Rules: [wanted] })
  })

  it('comes after those that were there, which stay to the letter', () => {
    const others = [
      {
        ID: 'glacier',
        Status: 'Enabled',
        Filter: { And: { Prefix: 'a/', Tags: [{ Key: 'k', Value: 'v' }] } },
        Transitions: [{ Days: 1, StorageClass: 'GLACIER' }],
      },
      { Status: 'Disabled', Prefix: 'old/', Expiration: { Days: 9 } },
    ]
    expect(withUploadsRule({ Rules: others }, 7)?.rules).toEqual({ Rules: [...others, wanted] })
  })

  it('keeps the least size of transitions, which S3 takes beside the rules', () => {
    const read = { Rules: [], TransitionDefaultMinimumObjectSize: 'varies_by_storage_class' }
    expect(withUploadsRule(read, 7)?.minimumObjectSize).toBe('varies_by_storage_class')
  })

  it.each([
    ['with an empty filter', { Status: 'Enabled', Filter: { Prefix: '' }, ...abort }],
    ['with no filter at all', { Status: 'Enabled', Prefix: '', ...abort }],
    ['with a filter of nothing', { Status: 'Enabled', Filter: {}, ...abort }],
  ])('is not needed beside one for the whole bucket, %s', (_what, rule) => {
    expect(withUploadsRule({ Rules: [rule] }, 7)).toBeUndefined()
  })

  it.each([
    ['is disabled', { ID: 'x', Status: 'Disabled', Filter: { Prefix: '' }, ...abort }],
    ['is for a prefix', { ID: 'x', Status: 'Enabled', Filter: { Prefix: 'a/' }, ...abort }],
    [
      'is for tagged objects',
      { ID: 'x', Status: 'Enabled', Filter: { Tag: { Key: 'k', Value: 'v' } }, ...abort },
    ],
    ['does something else', { ID: 'x', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } }],
  ])('is needed beside one that %s', (_what, rule) => {
    expect(withUploadsRule({ Rules: [rule] }, 7)?.rules.Rules).toEqual([rule, wanted])
  })

  it('is not added to what is no configuration', () => {
    expect(() => withUploadsRule({ Error: 'AccessDenied' }, 7)).toThrow(/no lifecycle configuration/)
  })
})
