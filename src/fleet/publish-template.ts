import type { Tracker } from '../tracker/port.js'

/** Where a tracker's files are, and what they shall be called: templates with `{site}`, `{tracker}` and `{file}`. */
export interface PublishLayout {
  /** Prefix of a tracker's objects in the source bucket. */
  readonly s3Prefix: string
  /** Folders of a tracker on EFS; the files of each that is there are taken. */
  readonly efsFolders: readonly string[]
  /** Key of the destination. */
  readonly destination: string
}

const MAX_PART = 256

/** Why an id or a site cannot be part of a key, as a sentence; undefined when it can. */
export function trackerProblem({ id, site }: Tracker): string | undefined {
  return partProblem('id', id) ?? partProblem('site', site)
}

function partProblem(what: string, part: string): string | undefined {
  const refused = (why: string): string => `its ${what} ${why}; correct it in the database, or leave it out`
  if (part === '') return refused('is NULL or empty')
  if (part.length > MAX_PART) return refused(`is longer than ${MAX_PART} characters`)
  if (/[/\\]/.test(part)) return refused('holds a slash, which would lead to another folder')
  if (/\p{Cc}/u.test(part)) return refused('holds control characters')
  if (part === '.' || part === '..') return refused('is the name of another folder')
  return undefined
}

/** Whether trackers of two sites with the same id have files of their own, which get the same destinations. */
export function mixesSites(sources: readonly string[], destination: string): boolean {
  const named = (template: string): boolean => template.includes('{site}')
  return sources.some(named) && !named(destination)
}

/** A template as the prefix of one tracker's keys. Where it ends with an id, that is the whole name of a folder. */
export function prefixOf(template: string, tracker: Tracker): string {
  return fill(template.endsWith('}') ? `${template}/` : template, tracker, '')
}

/** `key` below the folder of `prefix`: what the template calls `{file}`. */
export function fileBelow(prefix: string, key: string): string {
  return key.slice(prefix.lastIndexOf('/') + 1)
}

/** The key of the destination. */
export function destinationKey(template: string, tracker: Tracker, file: string): string {
  return fill(template, tracker, file)
}

/** All in one pass: what an id holds is never taken for a part of the template. */
function fill(template: string, { id, site }: Tracker, file: string): string {
  const values: Readonly<Record<string, string>> = { '{site}': site, '{tracker}': id, '{file}': file }
  return template.replace(/\{[^}]*\}/g, (part) => values[part] ?? part)
}
