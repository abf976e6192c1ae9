import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { readFleetConfig } from '../../src/fleet-config.js'
import { PROJECT } from '../support/cli.js'

const condition = z.enum(['service_healthy', 'service_completed_successfully'])
const service = z.strictObject({
  image: z.string().optional(),
  build: z
    .strictObject({
      context: z.literal('.'),
      dockerfile: z.string(),
      target: z.string().optional(),
      args: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
  command: z.array(z.string()).optional(),
  entrypoint: z.array(z.string()).optional(),
  hostname: z.string().optional(),
  environment: z.record(z.string(), z.string()).optional(),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  tmpfs: z.array(z.string()).optional(),
  healthcheck: z.looseObject({ test: z.array(z.string()).optional() }).optional(),
  depends_on: z.record(z.string(), z.strictObject({ condition })).optional(),
  profiles: z.array(z.string()).optional(),
  restart: z.string().optional(),
  user: z.string().optional(),
  read_only: z.boolean().optional(),
  init: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  stop_grace_period: z.string().optional(),
})
const composeFile = z.looseObject({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.null()).optional(),
})
type Service = z.infer<typeof service>

function read(name: string): z.infer<typeof composeFile> {
  // Compose knows YAML's merge keys.
  return composeFile.parse(parse(readFileSync(path.join(PROJECT, name), 'utf8'), { merge: true }))
}

const main = read('docker-compose.yml')
const overlay = read('tests/services/compose.yml')
const named = (name: string): Service => {
  const found = main.services[name]
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`)
  return found
}

/** `${NAME:-default}` as Compose replaces it where NAME is not set. */
const substitute = (text: string): string => text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')

describe('docker-compose.yml', () => {
  it('opens ports on 127.0.0.1 only, and so does what tests lay over it', () => {
    const ports = [main, overlay].flatMap(({ services }) =>
      Object.values(services).flatMap(({ ports: some }) => some ?? []),
    )
    expect(ports).toHaveLength(6)
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{\w+(:-\d+|:\?)\}:\d+$/)
  })

  it('has a health check for each server, and waits for it', () => {
    for (const server of ['rabbitmq', 'postgres', 's3'])
      expect(named(server).healthcheck?.test?.[0]).toBe('CMD')
    expect(named('sample').depends_on).toEqual({
      rabbitmq: { condition: 'service_healthy' },
      postgres: { condition: 'service_healthy' },
      s3: { condition: 'service_healthy' },
    })
  })

  it.each(['small', 'big', 'publish'])('confines %s as the cloud does', (name) => {
    expect(named(name)).toMatchObject({
      user: '1000:1000',
      read_only: true,
      init: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      depends_on: { sample: { condition: 'service_completed_successfully' } },
    })
  })

  it.each(['small', 'big'])('gives %s room for work that is no memory', (name) => {
    const volumes = named(name).volumes ?? []
    expect(volumes.some((volume) => volume.endsWith(':/batch_download'))).toBe(true)
    expect(named(name).tmpfs?.some((mount) => mount.startsWith('/batch_download'))).toBe(false)
  })

  it.each(['small', 'big', 'publish', 'sample'])('tells %s what it needs to know', (name) => {
    const environment = Object.entries(named(name).environment ?? {})
    const config = readFleetConfig(
      Object.fromEntries(environment.map(([key, text]) => [key, substitute(text)])),
    )
    expect(config).toMatchObject({
      s3Endpoint: 'http://s3:9000',
      sourceBucket: 'perform-dev-raw',
      destinationBucket: 'perform-dev-atomicduck',
      database: { kind: 'url', url: 'postgresql://duckfleet:duckfleet@postgres:5432/duckfleet' },
      rabbit: { kind: 'url', url: 'amqp://duckfleet:duckfleet@rabbitmq:5672' },
      migrateSrc: '/mnt/efs/source',
      migrateDst: '/mnt/efs/destination',
    })
  })

  it('builds from files and stages that are there, and pins the images that it fetches', () => {
    for (const { image, build } of Object.values(main.services)) {
      expect(image === undefined).toBe(build !== undefined)
      if (image !== undefined) expect(image).toMatch(/^[a-z0-9./]+:[\w.-]*\d[\w.-]*$/)
      if (build === undefined) continue
      expect(existsSync(path.join(PROJECT, build.dockerfile))).toBe(true)
      const text = readFileSync(path.join(PROJECT, build.dockerfile), 'utf8')
      if (build.target !== undefined) expect(text).toMatch(new RegExp(`^FROM .* AS ${build.target}$`, 'm'))
      for (const name of Object.keys(build.args ?? {}))
        expect(text).toMatch(new RegExp(`^ARG ${name}\\b`, 'm'))
    }
  })

  it('names every volume that it uses', () => {
    const used = Object.values(main.services)
      .flatMap(({ volumes }) => volumes ?? [])
      .map((volume) => volume.split(':')[0])
    expect([...new Set(used)].sort()).toEqual(Object.keys(main.volumes ?? {}).sort())
  })
})

describe('what tests lay over it', () => {
  it('is about its servers, and one for S3 over TLS of the same image', () => {
    expect(Object.keys(overlay.services)).toEqual(['rabbitmq', 'postgres', 's3-tls'])
    expect(overlay.services['s3-tls']?.image).toBe(named('s3').image)
  })
})
