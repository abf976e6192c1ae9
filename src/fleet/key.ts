import { z } from 'zod'

/** No path on a file system that we know is longer; S3 says itself that it takes 1024. */
const MAX_KEY_BYTES = 4096

/** Why a key is refused, or undefined. Backslashes count as separators here: they are on some machines. */
function keyProblem(key: string): string | undefined {
  if (key === '') return 'is empty'
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `is longer than ${MAX_KEY_BYTES} bytes`
  if (key.includes('\0')) return 'holds a NUL character'
  const parts = key.split(/[/\\]/)
  if (parts.includes('..')) return "holds '..', which could leave its root"
  if (parts[0] === '' || /^[A-Za-z]:[/\\]/.test(key))
    return 'is an absolute path, but keys are relative to their root'
  if (parts.at(-1) === '' || parts.at(-1) === '.') return 'names a folder, not a file'
  return undefined
}

/** A relative key of a file, as messages carry it. The store checks again, with the file system at hand. */
export const keySchema = z.string().superRefine((key, context) => {
  const problem = keyProblem(key)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})
