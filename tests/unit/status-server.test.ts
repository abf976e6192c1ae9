import { afterEach, expect, it } from 'vitest'
import { newDraft } from '../../src/fleet/report.js'
import { createMetrics } from '../../src/ops/metrics.js'
import { startStatusServer } from '../../src/ops/status-server.js'
import type { StatusServer } from '../../src/ops/status-server.js'

const metrics = createMetrics('small')
let healthy = true
let server: StatusServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function get(path: string, method = 'GET'): Promise<{ status: number; text: string }> {
  server ??= await startStatusServer(0, () => ({ healthy, details: { connected: healthy } }), metrics)
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
  return { status: response.status, text: await response.text() }
}

it('says how the worker is', async () => {
  expect(await get('/healthz')).toEqual({ status: 200, text: '{"healthy":true,"connected":true}\n' })
  healthy = false
  expect((await get('/healthz?x')).status).toBe(503)
})

it('counts jobs, steps, bytes and engines', async () => {
  metrics.jobStarted()
  metrics.jobStarted()
  metrics.downloaded(100)
  metrics.engineLost()
  metrics.step({ step: 'download', ok: true, file: 'a', release: undefined, bytes: 1, ms: 70 })
  metrics.jobEnded({ ...newDraft('1.5.6'), outcome: 'migrated', bytesOut: 7 })
  const { text } = await get('/metrics')
  for (const line of [
    'duckfleet_jobs_total{outcome="migrated",reason="none",worker="small"} 1',
    'duckfleet_jobs_in_work{worker="small"} 1',
    'duckfleet_bytes_total{direction="in",worker="small"} 100',
    'duckfleet_bytes_total{direction="out",worker="small"} 7',
    'duckfleet_engine_restarts_total{worker="small"} 1',
    'duckfleet_step_seconds_bucket{le="0.1",worker="small",step="download"} 1',
    'duckfleet_step_seconds_bucket{le="0.05",worker="small",step="download"} 0',
  ])
    expect(text).toContain(line)
})

it('knows nothing else, and does nothing', async () => {
  expect((await get('/')).status).toBe(404)
  expect((await get('/healthz', 'POST')).status).toBe(405)
})

it('says which port is taken', async () => {
  await get('/healthz')
  const port = server?.port ?? 0
  const again = startStatusServer(port, () => ({ healthy, details: {} }), metrics)
  await expect(again).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining(`${port}`) as string,
  })
})
