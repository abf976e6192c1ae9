import Table from 'cli-table3'
import type { JobReport } from '../fleet/report.js'
import type { VerifyLevel } from '../migration/upgrade.js'

/** A name or a message from a file is no place for control characters: a terminal would obey them. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** What became of a file, in a few words: `migrated, verified`. */
function verdict({ outcome, error }: JobReport, verify: VerifyLevel): string {
  if (outcome !== 'migrated' && outcome !== 'copied') return error?.code === 'aborted' ? 'stopped' : outcome
  switch (verify) {
    case 'full':
      return `${outcome}, verified`
    case 'counts':
      return `${outcome}, counted`
    case 'none':
      return `${outcome}, not verified`
    default:
      return verify satisfies never
  }
}

function source({ from }: JobReport): string {
  return from === null ? '–' : `${from.release} (${from.storageVersion})`
}

/** One line about a finished job, for logs. */
export function reportLine(report: JobReport, name: string, verify: VerifyLevel): string {
  const head = `${verdict(report, verify)}: ${printable(name)}`
  if (report.error !== null) return `${head}: ${printable(report.error.message)}`
  const { rows, indexes, ms } = report
  const counts = rows === null ? '' : `, ${count(rows, 'row')}, ${count(indexes ?? 0, 'index', 'indexes')}`
  return `${head}: ${source(report)} -> ${report.to}${counts}, ${seconds(ms.total)}`
}

/**
 * The table at the end, with totals, and below it one line for every file that was not upgraded and every note.
 * `wallMs`: duration of the whole run.
 */
export function summaryLines(
  reports: readonly JobReport[],
  nameOf: (source: string) => string,
  verify: VerifyLevel,
  wallMs: number,
): readonly string[] {
  const table = newTable(['file', 'from', 'to', 'rows', 'indexes', 'time', 'verdict'])
  for (const report of reports) {
    table.push([
      printable(nameOf(report.source)),
      source(report),
      report.to,
      report.rows?.toLocaleString('en-US') ?? '–',
      report.indexes ?? '–',
      seconds(report.ms.total),
      verdict(report, verify),
    ])
  }
  table.push([
    count(reports.length, 'file'),
    '',
    '',
    sum(reports, 'rows').toLocaleString('en-US'),
    sum(reports, 'indexes'),
    seconds(wallMs),
    totals(reports),
  ])
  return [table.toString(), ...problems(reports, nameOf), ...notes(reports, nameOf)]
}

/** A table without colours: what is printed may end in a file. */
export function newTable(head: string[]): Table.Table {
  return new Table({ head, style: { head: [], border: [], compact: true } })
}

function problems(reports: readonly JobReport[], nameOf: (source: string) => string): readonly string[] {
  return reports.flatMap((report) => {
    if (report.error === null) return []
    const { message } = report.error
    // Most messages name the file already, by its full path.
    return [printable(message.includes(report.source) ? message : `${nameOf(report.source)}: ${message}`)]
  })
}

function notes(reports: readonly JobReport[], nameOf: (source: string) => string): readonly string[] {
  return reports.flatMap((report) =>
    report.warnings.map((warning) => printable(`note: ${nameOf(report.source)}: ${warning}`)),
  )
}

function totals(reports: readonly JobReport[]): string {
  const counts = new Map<string, number>()
  for (const { outcome, error } of reports) {
    const name = error?.code === 'aborted' ? 'stopped' : outcome
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, number]) => `${number} ${name}`).join(', ')
}

function sum(reports: readonly JobReport[], field: 'rows' | 'indexes'): number {
  return reports.reduce((total, report) => total + (report[field] ?? 0), 0)
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? one : many}`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
