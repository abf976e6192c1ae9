import { afterEach, describe, expect, it, vi } from 'vitest'
import { createPublishProgress } from '../../src/cli/publish-progress.js'
import { problemLine, progressText, summaryLines } from '../../src/cli/publish-text.js'
import type { PublishSummary } from '../../src/fleet/publish-tally.js'

const summary: PublishSummary = {
  trackers: 1200,
  queues: { small: { messages: 2400, bytes: 1.2e9 }, big: { messages: 1, bytes: 2e9 } },
  done: 3,
  problems: 1,
}

describe('what publishing says', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('is one line while it runs', () => {
    expect(progressText(summary)).toBe('1,200 trackers, 2,401 messages (3.2 GB), 3 done already, 1 problem')
  })

  it('is a table by queue in the end', () => {
    const text = summaryLines(summary, { small: 'files', big: 'files_big' }, false).join('\n')
    expect(text).toMatch(/files +│ 2,400 +│ 1\.2 GB/)
    expect(text).toMatch(/files_big +│ 1 +│ 2\.0 GB/)
    expect(text).not.toContain('dry run')
  })

  it('obeys nothing that an id from a database says to a terminal', () => {
    const line = problemLine({ tracker: { id: '\u001b[2J1\n', site: '' }, message: 'its id\r is wrong' })
    expect(line).toBe('tracker \\x1b[2J1\\x0a (site –): its id\\x0d is wrong')
  })

  it('is a line every ten seconds where nobody watches, and every problem at once', () => {
    vi.useFakeTimers()
    const err: string[] = []
    const io = { out: (): void => undefined, err: (line: string) => err.push(line), isTTY: false }
    const progress = createPublishProgress(io, false)
    progress.update(summary)
    progress.say('a problem')
    expect(err).toEqual(['a problem'])
    vi.advanceTimersByTime(10_000)
    progress.update(summary)
    progress.update(summary)
    expect(err.slice(1)).toEqual([`${progressText(summary)}, 240 a second`])
    progress.stop()
  })
})
