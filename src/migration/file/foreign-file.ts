interface Signature {
  readonly bytes: readonly number[]
  readonly name: string
}

const ascii = (text: string): readonly number[] => Array.from(text, (char) => char.charCodeAt(0))

const SIGNATURES: readonly Signature[] = [
  { bytes: ascii('PAR1'), name: 'a Parquet file' },
  { bytes: ascii('SQLite format 3\0'), name: 'an SQLite database' },
  { bytes: [0x1f, 0x8b], name: 'a gzip archive: unpack it first' },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], name: 'an xz archive: unpack it first' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], name: 'a zstd archive: unpack it first' },
  { bytes: ascii('BZh'), name: 'a bzip2 archive: unpack it first' },
  { bytes: ascii('PK\x03\x04'), name: 'a zip archive: unpack it first' },
  { bytes: ascii('ARROW1'), name: 'an Arrow file' },
]

/**
 * What a file is that does not carry DuckDB's signature, as a phrase for people such as `a Parquet file`.
 * `bytes` is the beginning of the file, `size` the whole of it in bytes.
 */
export function describeForeignFile(bytes: Uint8Array, size: number): string {
  if (size === 0) return 'an empty file (0 bytes)'
  const known = SIGNATURES.find((signature) => signature.bytes.every((byte, i) => bytes[i] === byte))
  if (known !== undefined) return known.name
  if (bytes.every((byte) => byte === 0)) return 'nothing but zeros at its start, as a broken copy leaves them'
  if (size < 20) return `too short for a database (${size} ${size === 1 ? 'byte' : 'bytes'})`
  return isText(bytes) ? 'a text file' : 'a file of an unknown kind'
}

function isText(bytes: Uint8Array): boolean {
  // The last character may be cut: `stream` forgives that, and nothing else.
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    // Control characters are what tells binary from text.
    return !/[\x00-\x08\x0e-\x1a\x1c-\x1f]/.test(text)
  } catch {
    return false
  }
}
