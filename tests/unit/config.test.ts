import os from 'node:os'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config.js'

describe('configuration', () => {
  it('has defaults for everything; an empty variable is none', () => {
    const config = readConfig({ WORK_DIR: '', DUCKDB_MIGRATE_VERSION: '' })
    expect(config).toMatchObject({ release: undefined, storageVersion: undefined, workDir: os.tmpdir() })
    expect(config.enginesFolder).toContain('duckfleet')
  })

  it.each([
    ['duckdb0.8.1', '0.8.1'],
    ['0.8.1', '0.8.1'],
    ['v1.5.6', '1.5.6'],
  ])('reads the target %s', (text, release) => {
    expect(readConfig({ DUCKDB_MIGRATE_VERSION: text }).release).toBe(release)
  })

  it.each([
    ['latest', 'latest'],
    ['v1.4.0', 'v1.4.0'],
    ['1.4.0', 'v1.4.0'],
  ])('reads the storage version %s', (text, version) => {
    expect(readConfig({ STORAGE_VERSION: text }).storageVersion).toBe(version)
  })

  it('takes folders as they are', () => {
    const config = readConfig({ WORK_DIR: '/batch_download', DUCKFLEET_ENGINES: '/engines' })
    expect(config).toMatchObject({ workDir: '/batch_download', enginesFolder: '/engines' })
  })

  it('lists every problem in one message', () => {
    const env = { DUCKDB_MIGRATE_VERSION: 'newest', STORAGE_VERSION: 'v1' }
    expect(() => readConfig(env)).toThrow(/DUCKDB_MIGRATE_VERSION: "newest".*STORAGE_VERSION: "v1"/)
  })
})
