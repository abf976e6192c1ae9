import { describe, expect, it } from 'vitest'
import { readFleetConfig } from '../../src/fleet-config.js'

describe('fleet configuration', () => {
  it('has a default for everything, with the name of the environment in it', () => {
    expect(readFleetConfig({}, 'prod')).toMatchObject({
      env: 'prod',
      sourceBucket: 'perform-prod-raw',
      destinationBucket: 'perform-prod-raw',
      database: { kind: 'secret', name: 'perform_database_prod' },
      rabbit: { kind: 'secret', name: 'perform_rabbitmq_prod' },
      migrateSrc: '/mnt/efs/perform-prod-goal/',
      migrateDst: '/mnt/efs/perform-prod-goal-dst/',
      queues: { small: 'migrate_duckdb_release', big: 'migrate_duckdb_release_big' },
      bigFrom: 1_500_000_000,
      overwrite: false,
      retry: { attempts: 5, baseMs: 10_000, maxMs: 600_000 },
      metricsPort: undefined,
    })
  })

  it('is the environment dev unless told otherwise; the option goes first', () => {
    expect(readFleetConfig({}).env).toBe('dev')
    expect(readFleetConfig({ ENVIRONMENT: 'staging' }).env).toBe('staging')
    expect(readFleetConfig({ ENVIRONMENT: 'staging' }, 'prod').env).toBe('prod')
  })

  it('knows both queues from the name of either', () => {
    const queues = { small: 'moves', big: 'moves_big' }
    expect(readFleetConfig({ QUEUE_NAME: 'moves' }).queues).toEqual(queues)
    expect(readFleetConfig({ QUEUE_NAME: 'moves_big' }).queues).toEqual(queues)
  })

  it('prefers addresses to secrets', () => {
    const config = readFleetConfig({ DATABASE_URL: 'postgres://a:b@c/d', RABBIT_URL: 'amqps://a:b@c' })
    expect(config.database).toEqual({ kind: 'url', url: 'postgres://a:b@c/d' })
    expect(config.rabbit).toEqual({ kind: 'url', url: 'amqps://a:b@c' })
  })

  it('lists every problem, and no password', () => {
    const wrong = {
      DATABASE_URL: 'mysql://root:hunter2@db/x',
      RABBIT_URL: 'hunter2',
      RETRY_ATTEMPTS: 'many',
      DESTINATION_KEY: '{site}/{file}/{owner}',
      BIG_FROM: '1 parsec',
      METRICS_PORT: '99999',
      VERIFY: 'some',
    }
    const read = (): unknown => readFleetConfig(wrong, 'Prod!')
    for (const name of [...Object.keys(wrong), 'ENVIRONMENT']) expect(read).toThrow(name)
    expect(read).toThrow(/\{owner\} is unknown/)
    expect(read).toThrow(/\{tracker\} is missing/)
    expect(read).not.toThrow(/hunter2/)
  })

  it.each([
    ['{site}/,{tracker}/', '"{site}/"'],
    ['{tracker}/,', '""'],
  ])('refuses %s: every tracker would be given the files of all others', (EFS_FOLDERS, folder) => {
    expect(() => readFleetConfig({ EFS_FOLDERS })).toThrow(`EFS_FOLDERS: {tracker} is missing in ${folder}`)
  })

  it('names a certificate file that cannot be read', () => {
    expect(() => readFleetConfig({ TLS_CA_FILE: '/nowhere/ca.pem' })).toThrow('/nowhere/ca.pem')
  })
})
