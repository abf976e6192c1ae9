import { DuckfleetError } from '../../errors.js'

const MAX_KEY_BYTES = 1024

/**
 * The key as the bucket has it. Object keys are plain text, so that `a/./b`, `a//b` and `a/b` are three objects: only a
 * leading `./`, as people write paths, is taken off, and what looks like a path to elsewhere is refused.
 *
 * Throws a DuckfleetError `usage`.
 */
export function objectKey(bucket: string, written: string): string {
  const key = written.replace(/^(\.\/)+/, '')
  const parts = key.split('/')
  const odd = key === '' || key.startsWith('/') || key.endsWith('/') || !isText(key)
  if (odd || parts.includes('..') || parts.includes('.') || Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new DuckfleetError(
      'usage',
      `the key ${JSON.stringify(written)} is none that bucket ${bucket} can hold a file under (empty, absolute, a ` +
        'folder, with . or .. in it, or too long); nothing was read or written',
    )
  }
  return key
}

/** As {@link objectKey}, for the beginning of keys. */
export function objectPrefix(bucket: string, written: string): string {
  const prefix = written.replace(/^(\.\/)+/, '')
  if (prefix.startsWith('/') || prefix.split('/').includes('..') || !isText(prefix)) {
    throw new DuckfleetError(
      'usage',
      `the prefix ${JSON.stringify(written)} leaves bucket ${bucket}; nothing was listed`,
    )
  }
  return prefix
}

/** `bucket/key` as the header of a copy wants it. */
export function copySource(bucket: string, key: string): string {
  return `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`
}

/** A key of a listing with `EncodingType: url`. Throws a DuckfleetError `usage` for one that is not UTF-8. */
export function decodeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '))
  } catch (cause) {
    throw new DuckfleetError(
      'usage',
      `the server lists the key ${encoded}, which is not UTF-8; rename or delete that object`,
      { cause },
    )
  }
}

/** False for what no URL can hold: NUL, and halves of characters. */
function isText(key: string): boolean {
  return !key.includes('\0') && !/\p{Surrogate}/u.test(key)
}
