import { z } from 'zod'

const rule = z.looseObject({
  ID: z.string().optional(),
  Status: z.string(),
  Prefix: z.string().optional(),
  Filter: z.looseObject({ Prefix: z.string().optional() }).optional(),
  AbortIncompleteMultipartUpload: z.unknown().optional(),
})
const configuration = z.object({
  Rules: z.array(rule),
  TransitionDefaultMinimumObjectSize: z.string().optional(),
})

const ID = 'stranded-uploads'

/** What `aws s3api put-bucket-lifecycle-configuration` takes. */
export interface Lifecycle {
  readonly rules: { readonly Rules: readonly object[] }
  /** Given beside the rules, though it is read with them; S3 forgets it otherwise. */
  readonly minimumObjectSize: string | undefined
}

/**
 * A bucket's lifecycle configuration, as `aws s3api` gives it, with one more rule: the parts of uploads that never ended
 * go after some days. Everything else stays as it was. Undefined when a rule for the whole bucket does that already.
 * Throws an Error for what is no configuration.
 */
export function withUploadsRule(existing: unknown, days: number): Lifecycle | undefined {
  const result = configuration.safeParse(existing)
  if (!result.success) throw new Error(`this is no lifecycle configuration: ${z.prettifyError(result.error)}`)
  const { Rules: rules, TransitionDefaultMinimumObjectSize: minimumObjectSize } = result.data
  if (rules.some(abortsEverywhere)) return undefined
  const wanted = {
    ID,
    Status: 'Enabled',
    Filter: { Prefix: '' },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: days },
  }
  return { rules: { Rules: [...rules.filter((other) => other.ID !== ID), wanted] }, minimumObjectSize }
}

function abortsEverywhere(found: z.output<typeof rule>): boolean {
  const { Status, Prefix, Filter, AbortIncompleteMultipartUpload: abort } = found
  const keys = Object.keys(Filter ?? {})
  const whole =
    (Filter === undefined ? (Prefix ?? '') : (Filter.Prefix ?? '')) === '' &&
    keys.every((key) => key === 'Prefix')
  return Status === 'Enabled' && whole && abort !== undefined
}
