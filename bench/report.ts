import { formatSize } from '../src/size.js'
import { newTable } from '../src/cli/summary.js'
import type { Machine } from './machine.js'
import { median } from './measure.js'
import type { Measured } from './measure.js'
import { MEMORY_LIMIT } from './run-case.js'
import type { CaseResult } from './run-case.js'

/** What it must reach: time ÷ stock's, files per second × stock's, bytes. */
const GOALS = { full: 1.0, none: 0.7, fleet: 5, memory: 1.2e9 } as const

/** Tables for people: medians, and ✓ or ✗ for each goal. */
export function reportLines(
  machine: Machine,
  target: string,
  results: readonly CaseResult[],
): readonly string[] {
  const { cpu, cores, memory, node, system, load } = machine
  const single = results.filter(({ kind }) => kind !== 'fleet')
  const fleet = results.filter(({ kind }) => kind === 'fleet')
  const limited = results.filter((result) => result.limited.length > 0)
  const runs = results[0]?.stock.length ?? 0
  const readers = [...new Set(results.flatMap(({ stockReaders }) => stockReaders))].join(', ')
  return [
    `${cpu}, ${cores} cores, ${formatSize(memory)} memory, node ${node}, ${system}, load ${load.toFixed(1)} at the start`,
    `medians of ${runs} runs, fastest and slowest in brackets; peak: the worst of all runs, all processes together`,
    `stock: EXPORT DATABASE (FORMAT PARQUET) with ${readers}, then IMPORT DATABASE with ${target}, two processes a file`,
    ...(single.length > 0 ? ['', 'One file at a time', singleTable(single)] : []),
    ...(fleet.length > 0 ? ['', 'Many small files', fleetTable(fleet)] : []),
    ...(limited.length > 0
      ? ['', `With --memory ${MEMORY_LIMIT}, verified in full`, memoryTable(limited)]
      : []),
  ]
}

function singleTable(results: readonly CaseResult[]): string {
  const table = newTable([
    'file',
    'size',
    'stock',
    'its IMPORT',
    'verified',
    `÷ stock, goal ${GOALS.full.toFixed(1)}`,
    'unverified',
    `÷ stock, goal ${GOALS.none.toFixed(1)}`,
    'peak',
    'stock peak',
  ])
  for (const { name, bytes, stock, full, none } of results) {
    table.push([
      name,
      formatSize(bytes),
      seconds(stock),
      importShare(stock),
      seconds(full),
      atMost(time(full) / time(stock), GOALS.full),
      seconds(none),
      atMost(time(none) / time(stock), GOALS.none),
      formatSize(peak(full)),
      formatSize(peak(stock)),
    ])
  }
  return table.toString()
}

function fleetTable(results: readonly CaseResult[]): string {
  const goal = `× stock, goal ${GOALS.fleet}`
  const table = newTable(['files', 'stock', 'verified', goal, 'unverified', '× stock', 'peak', 'stock peak'])
  for (const { files, stock, full, none } of results) {
    const rate = (list: readonly Measured[]): string => `${(files / time(list)).toFixed(2)} files/s`
    const faster = time(stock) / time(full)
    table.push([
      files,
      rate(stock),
      rate(full),
      `${faster.toFixed(2)} ${mark(faster >= GOALS.fleet)}`,
      rate(none),
      (time(stock) / time(none)).toFixed(2),
      formatSize(peak(full)),
      formatSize(peak(stock)),
    ])
  }
  return table.toString()
}

function memoryTable(results: readonly CaseResult[]): string {
  const table = newTable(['file', 'size', 'time', `peak, goal ${formatSize(GOALS.memory)}`, 'stock peak'])
  for (const { name, bytes, limited, stock } of results) {
    const most = peak(limited)
    table.push([
      name,
      formatSize(bytes),
      seconds(limited),
      `${formatSize(most)} ${mark(most < GOALS.memory)}`,
      formatSize(peak(stock)),
    ])
  }
  return table.toString()
}

function seconds(list: readonly Measured[]): string {
  const all = list.map((measured) => measured.seconds)
  const text = (value: number): string => value.toFixed(2)
  return `${text(median(all))} s [${text(Math.min(...all))}–${text(Math.max(...all))}]`
}

/**
 * What the target engine alone needs for data that lie ready, as a share of the whole: the limit of a migration that hides
 * everything else behind it. Every second command of stock is an import.
 */
function importShare(stock: readonly Measured[]): string {
  const share = ({ steps, seconds: whole }: Measured): number =>
    steps.filter((_step, i) => i % 2 === 1).reduce((sum, step) => sum + step, 0) / whole
  return `${(median(stock.map(share)) * 100).toFixed(0)} %`
}

function atMost(ratio: number, goal: number): string {
  return `${ratio.toFixed(2)} ${mark(ratio <= goal)}`
}

function mark(reached: boolean): string {
  return reached ? '✓' : '✗'
}

function time(list: readonly Measured[]): number {
  return median(list.map((measured) => measured.seconds))
}

/** The worst of all runs, not the median: a limit holds always or it does not. */
function peak(list: readonly Measured[]): number {
  return Math.max(...list.map(({ peakBytes }) => peakBytes))
}
