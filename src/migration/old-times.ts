import type { TypedColumn } from './verify/lookups.js'
import { ident } from './sql/sql.js'

/**
 * 0.9 stored the offset of a TIMETZ as `offset + 1559 hours`, and every release since reads what is stored as `57,599 -
 * offset`: of the same bytes they read another offset, always one that no TIMETZ can have. Source: `dtime_tz_t` in DuckDB's
 * `datetime.hpp` (duckdb#8650, and what 0.10 made of it); tried with files of 0.9.1 and 0.9.2.
 */
const TYPE = 'TIME WITH TIME ZONE'
/** The smallest offset of a TIMETZ, seconds. */
const LEAST_OFFSET = -57_599
/** What is read of an offset, and the offset, sum up to this. */
const BOTH = -(1559 * 3600 - 57_599)

/** A TIMETZ of 0.9 inside of a list or the like, as later releases print it: `12:00:00-1543:01`. */
const PRINTED = '[0-9]-15[2-5][0-9](:|[^0-9]|$)'

export function hasTimes(columns: readonly TypedColumn[]): boolean {
  return timesIn(columns).length > 0
}

function timesIn(columns: readonly TypedColumn[]): readonly TypedColumn[] {
  return columns.filter(({ type }) => type === TYPE)
}

/** SQL: is any of these columns one that 0.9 wrote? */
export function isOld(columns: readonly TypedColumn[]): string {
  return timesIn(columns)
    .map(({ name }) => `coalesce(${isOldTime(ident(name))}, false)`)
    .join(' OR ')
}

/** SQL: the relation with the times that 0.9 meant. */
export function withTimes(relation: string, columns: readonly TypedColumn[]): string {
  const times = timesIn(columns)
  if (times.length === 0) return relation
  const meant = times.map(({ name }) => `${meantTime(ident(name))} AS ${ident(name)}`)
  return `(SELECT * REPLACE (${meant.join(', ')}) FROM ${relation})`
}

/** Columns in which such a time cannot be made right, and what tells that one is there, as SQL. */
export function nestedTimes(columns: readonly TypedColumn[]): { name: string; isOld: string }[] {
  return columns
    .filter(({ type }) => type !== TYPE && type.includes(TYPE))
    .map(({ name }) => ({ name, isOld: `regexp_matches(CAST(${ident(name)} AS VARCHAR), '${PRINTED}')` }))
}

function isOldTime(value: string): string {
  return `date_part('timezone', ${value}) < ${LEAST_OFFSET}`
}

function meantTime(value: string): string {
  const offset = `(${BOTH} - date_part('timezone', ${value}))`
  const sign = `CASE WHEN ${offset} < 0 THEN '-' ELSE '+' END`
  const clock = `CAST(TIME '00:00:00' + to_microseconds(greatest(${offset}, -${offset}) * 1000000) AS VARCHAR)`
  const meant = `CAST(CAST(CAST(${value} AS TIME) AS VARCHAR) || ${sign} || ${clock} AS ${TYPE})`
  return `CASE WHEN ${isOldTime(value)} THEN ${meant} ELSE ${value} END`
}
