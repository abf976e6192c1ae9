import { DuckfleetError } from '../errors.js'

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of `90s`, `15m`, `2h` or `3d`. Throws a DuckfleetError `usage` for anything else. */
export function parseDuration(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([smhd])$/.exec(text.trim()) ?? []
  const factor = UNITS[unit]
  if (number === undefined || factor === undefined)
    throw new DuckfleetError('usage', `"${text}" is no time; write it like 90s, 15m, 2h or 3d`)
  return Number(number) * factor
}

/** `43 s`, `12 min`, `7.3 h`, `2.1 d`. */
export function formatDuration(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(0)} s`
  if (seconds < 7200) return `${(seconds / 60).toFixed(0)} min`
  if (seconds < 48 * 3600) return `${(seconds / 3600).toFixed(1)} h`
  return `${(seconds / 86_400).toFixed(1)} d`
}
