import { expect, it } from 'vitest'
import { watchJob } from '../../src/cli/job-watch.js'

it('tells of a job that does not end, until it does', () => {
  let now = 1_000
  const watch = watchJob(100, () => now)
  expect(watch.stuck()).toBe(false)
  watch.started()
  now += 100
  expect(watch.stuck()).toBe(false)
  now += 1
  expect(watch.stuck()).toBe(true)
  watch.ended()
  expect(watch.stuck()).toBe(false)
  watch.started()
  expect(watch.stuck()).toBe(false)
})
