import { describe, expect, it } from 'vitest'
import { explainFailure } from '../../src/engine/install-failure.js'
import { defaultCacheFolder } from '../../src/engine/locate.js'
import { npmEnvironment } from '../../src/engine/npm.js'
import {
  assertKnownEngine,
  chooseReader,
  chooseTarget,
  engineArgument,
  engineName,
  ENGINES,
  findEngine,
  installCommand,
} from '../../src/engine/registry.js'
import type { StorageHeader } from '../../src/migration/file/header.js'
import {
  alreadyWrittenBy,
  compareReleases,
  formatWrittenBy,
  newestVersionOf,
  parseRelease,
  releasesOf,
  storageVersionFor,
  requiredStorageVersion,
} from '../../src/migration/file/releases.js'

function header(storageVersion: number, rest: Partial<StorageHeader> = {}): StorageHeader {
  const unknown = { writer: undefined, serializationLevel: undefined, encrypted: false }
  return { storageVersion, releases: releasesOf(storageVersion), ...unknown, ...rest }
}

const BUNDLED = ENGINES.filter((engine) => engine.bundledAs !== undefined)
const some = (...names: string[]) => ENGINES.filter((engine) => names.includes(engineName(engine)))

describe('releases', () => {
  it.each([
    ['duckdb0.8.1', '0.8.1'],
    ['v1.4.4', '1.4.4'],
    ['0.10.2', '0.10.2'],
    [' 1.5.6 ', '1.5.6'],
    ['duckdb@01.02.03', '1.2.3'],
  ])('%s is %s', (text, release) => {
    expect(parseRelease(text)).toBe(release)
  })

  it.each(['', '1.5', 'newest', '1.5.6-dev', '0.8.1; rm -rf /', '1.5.6.7'])('"%s" is none', (text) => {
    expect(() => parseRelease(text)).toThrow(expect.objectContaining({ code: 'usage' }))
  })

  it('are compared as numbers', () => {
    expect(['1.10.0', '0.10.2', '1.9.0', '0.9.2', '1.9.0'].sort(compareReleases)).toEqual([
      '0.9.2',
      '0.10.2',
      '1.9.0',
      '1.9.0',
      '1.10.0',
    ])
  })

  it.each([
    ['0.4.0', 33],
    ['0.5.1', 38],
    ['0.6.1', 39],
    ['0.7.0', 43],
    ['0.8.1', 51],
    ['0.9.2', 64],
    ['1.1.3', 64],
    ['1.2.0', 65],
    ['1.5.6', 68],
  ])('%s knows storage version %i', (release, version) => {
    expect(newestVersionOf(release)).toBe(version)
  })

  it('need what the level says where a later release upgraded a file in place', () => {
    expect(requiredStorageVersion(header(65, { serializationLevel: 7 }))).toBe(68)
    expect(requiredStorageVersion(header(65, { serializationLevel: 4 }))).toBe(65)
    expect(requiredStorageVersion(header(64))).toBe(64)
  })
})

describe('what a target writes', () => {
  it.each([
    ['0.8.1', undefined, 51, undefined],
    ['1.1.3', undefined, 64, undefined],
    ['1.5.6', undefined, 64, undefined],
    ['1.5.6', 'v1.0.0', 64, undefined],
    ['1.5.6', 'v1.2.0', 65, 4],
    ['1.5.6', 'v1.3.2', 66, 5],
    ['1.5.6', 'v1.4.0', 67, 6],
    ['1.5.6', 'v1.5.0', 68, 7],
    ['1.5.6', 'latest', 68, 7],
    ['1.2.2', 'latest', 65, 4],
  ])('%s with STORAGE_VERSION %s', (release, asked, storageVersion, serializationLevel) => {
    expect(formatWrittenBy({ release, storageVersion: asked })).toEqual({
      storageVersion,
      serializationLevel,
    })
  })

  it.each([
    ['1.1.3', 'v1.0.0', 'DuckDB 1.1.3 has no STORAGE_VERSION (1.2.0 and later do): leave it out'],
    ['1.3.2', 'v1.4.0', 'DuckDB 1.3.2 cannot write STORAGE_VERSION v1.4.0: it is newer'],
    ['1.5.6', 'v0.8.1', 'STORAGE_VERSION v0.8.1 is too old: v0.10.0 is the oldest that DuckDB takes'],
  ])('%s refuses STORAGE_VERSION %s', (release, storageVersion, message) => {
    expect(() => formatWrittenBy({ release, storageVersion })).toThrow(
      expect.objectContaining({ code: 'usage', message }),
    )
  })

  it('is compared with what a file is', () => {
    const target = { release: '1.5.6', storageVersion: 'v1.2.0' }
    expect(alreadyWrittenBy(header(64), { release: '1.5.6' })).toBe(true)
    expect(alreadyWrittenBy(header(51), { release: '0.8.1' })).toBe(true)
    expect(alreadyWrittenBy(header(51), { release: '1.5.6' })).toBe(false)
    expect(alreadyWrittenBy(header(64), target)).toBe(false)
    expect(alreadyWrittenBy(header(65, { serializationLevel: 4 }), target)).toBe(true)
    expect(alreadyWrittenBy(header(65, { serializationLevel: 7 }), target)).toBe(false)
    expect(alreadyWrittenBy(header(65), target)).toBe(false)
  })

  it('is kept where no other one was asked for, if the target knows it', () => {
    expect(alreadyWrittenBy(header(65, { serializationLevel: 4 }), { release: '1.5.6' })).toBe(true)
    expect(alreadyWrittenBy(header(68, { serializationLevel: 7 }), { release: '1.5.6' })).toBe(true)
    // A file of version 64 that 1.5 upgraded in place.
    expect(alreadyWrittenBy(header(65, { serializationLevel: 7 }), { release: '1.5.6' })).toBe(true)
    expect(alreadyWrittenBy(header(65, { serializationLevel: 7 }), { release: '1.4.4' })).toBe(false)
    expect(alreadyWrittenBy(header(65, { serializationLevel: 4 }), { release: '1.1.3' })).toBe(false)
    expect(alreadyWrittenBy(header(67, { serializationLevel: 6 }), { release: '0.8.1' })).toBe(false)
    expect(
      alreadyWrittenBy(header(67, { serializationLevel: 6 }), { release: '1.5.6', storageVersion: 'v1.0.0' }),
    ).toBe(false)
  })

  it.each([
    [header(51), undefined, undefined],
    [header(64), undefined, undefined],
    [header(65, { serializationLevel: 4 }), undefined, 'v1.2.0'],
    [header(65, { serializationLevel: 5 }), undefined, 'v1.3.0'],
    [header(67, { serializationLevel: 6 }), undefined, 'v1.4.0'],
    [header(68, { serializationLevel: 7 }), undefined, 'v1.5.0'],
    [header(68, { serializationLevel: 7 }), 'v1.0.0', 'v1.0.0'],
  ])('%o, asked for %s: written with STORAGE_VERSION %s', (file, asked, written) => {
    expect(storageVersionFor(file, { storageVersion: asked })).toBe(written)
  })
})

describe('the reader of a file', () => {
  it.each([
    [39, 'wasm-0.6.1'],
    [43, 'wasm-0.7.1'],
    [51, 'wasm-0.8.1'],
    [64, 'neo-1.5.6'],
    [68, 'neo-1.5.6'],
  ])('of storage version %i is %s among the bundled ones', (version, name) => {
    expect(engineName(chooseReader(header(version), BUNDLED))).toBe(name)
  })

  it('is WASM unless native is asked for and installed', () => {
    const installed = [...BUNDLED, ...some('native-0.8.1')]
    expect(engineName(chooseReader(header(51), installed))).toBe('wasm-0.8.1')
    expect(engineName(chooseReader(header(51), installed, { prefer: 'native' }))).toBe('native-0.8.1')
    expect(engineName(chooseReader(header(43), installed, { prefer: 'native' }))).toBe('wasm-0.7.1')
    expect(engineName(chooseReader(header(51), some('native-0.8.1')))).toBe('native-0.8.1')
  })

  it('of what is stable is the newest neo, whatever is preferred', () => {
    const installed = some('neo-1.4.4', 'neo-1.1.3', 'native-1.4.4', 'native-1.0.0')
    expect(engineName(chooseReader(header(64), installed, { prefer: 'native' }))).toBe('neo-1.4.4')
  })

  it('knows the level of the file, not only its version', () => {
    const upgraded = header(65, { serializationLevel: 7 })
    expect(engineName(chooseReader(upgraded, some('neo-1.2.2', 'neo-1.5.0')))).toBe('neo-1.5.0')
    expect(() => chooseReader(upgraded, some('neo-1.2.2'))).toThrow(
      /neo-1\.5\.6.*duckfleet engines install 1\.5\.6/,
    )
  })

  it.each([
    [header(38), 'wasm-0.5.1', '`duckfleet engines install 0.5.1`'],
    [header(33), 'wasm-0.4.0', '`duckfleet engines install 0.4.0`'],
  ])('is named with its command when it is not installed', (file, name, command) => {
    const message = expect.stringMatching(
      new RegExp(`installed: wasm-0.6.1, .*neo-1.5.6.*These would: ${name}; get one with ${command}`),
    ) as string
    expect(() => chooseReader(file, BUNDLED)).toThrow(
      expect.objectContaining({ code: 'unreadable', message }),
    )
  })

  it.each([
    [header(9999), /no installed engine opens storage version 9999 .* a newer duckfleet may open it/],
    [header(25), /storage version 25 \(DuckDB 0\.3\.0\).* upgrade it to 0\.4 or later/],
    [header(67, { encrypted: true }), /is encrypted: decrypt it/],
  ])('does not exist for %o', (file, message) => {
    expect(() => chooseReader(file, ENGINES)).toThrow(
      expect.objectContaining({ code: 'unreadable', message: expect.stringMatching(message) as string }),
    )
    expect(() => {
      assertKnownEngine(file, '/a/x.duckdb')
    }).toThrow(expect.objectContaining({ code: 'unreadable' }))
  })

  it('exists for every storage version from 0.4 on', () => {
    for (const version of [33, 38, 39, 43, 51, 64, 65, 66, 67, 68]) {
      expect(chooseReader(header(version), ENGINES).opens.to).toBeGreaterThanOrEqual(version)
    }
  })
})

describe('the target', () => {
  it('is the newest installed engine that writes', () => {
    expect(engineName(chooseTarget(undefined, BUNDLED))).toBe('neo-1.5.6')
    expect(engineName(chooseTarget(undefined, some('wasm-0.8.1', 'native-0.6.1')))).toBe('native-0.6.1')
  })

  it('is the release that is asked for, however it is spelt', () => {
    const installed = [...BUNDLED, ...some('native-0.8.1', 'neo-1.4.4', 'native-1.4.4')]
    expect(engineName(chooseTarget('duckdb0.8.1', installed))).toBe('native-0.8.1')
    expect(engineName(chooseTarget('v1.4.4', installed))).toBe('neo-1.4.4')
  })

  it.each([
    ['0.8.1', '`duckfleet engines install 0.8.1`'],
    ['1.4.4', '`duckfleet engines install 1.4.4`'],
    ['0.5.1', 'duckfleet knows no engine that writes 0.5.1'],
    ['9.9.9', 'duckfleet knows no engine that writes 9.9.9'],
  ])('%s that is not installed is refused with advice', (release, advice) => {
    const message = expect.stringContaining(advice) as string
    expect(() => chooseTarget(release, BUNDLED)).toThrow(expect.objectContaining({ code: 'usage', message }))
    expect(() => chooseTarget(release, BUNDLED)).toThrow('installed: neo-1.5.6')
  })

  it('is never a WASM engine', () => {
    expect(() => chooseTarget(undefined, some('wasm-0.6.1', 'wasm-0.8.1'))).toThrow(
      'no engine that can write',
    )
  })
})

describe('names of engines', () => {
  it.each([
    ['0.8.1', 'native-0.8.1'],
    ['v0.8.1', 'native-0.8.1'],
    ['0.5.1', 'wasm-0.5.1'],
    ['1.4.4', 'neo-1.4.4'],
    ['native:1.4.4', 'native-1.4.4'],
    ['wasm:0.8.1', 'wasm-0.8.1'],
    ['neo:1.4.4', 'neo-1.4.4'],
    ['1.0.0', 'native-1.0.0'],
  ])('%s is %s', (text, name) => {
    expect(engineName(findEngine(text))).toBe(name)
  })

  it.each(['neo:0.8.1', 'wasm:1.4.4', '7.7.7', 'deno:1.4.4', 'native:'])('%s is none', (text) => {
    expect(() => findEngine(text)).toThrow(expect.objectContaining({ code: 'usage' }))
  })

  it('as given to install, find the engine again, and no two engines share one', () => {
    for (const engine of ENGINES) {
      expect(findEngine(engineArgument(engine))).toBe(engine)
      expect(installCommand(engine)).toContain(engineArgument(engine))
    }
    expect(new Set(ENGINES.map(engineName)).size).toBe(ENGINES.length)
  })
})

describe('the cache folder', () => {
  it.each([
    ['linux', {}, '/home/u/.cache/duckfleet/engines'],
    ['linux', { XDG_CACHE_HOME: '/c' }, '/c/duckfleet/engines'],
    ['linux', { XDG_CACHE_HOME: 'relative' }, '/home/u/.cache/duckfleet/engines'],
    ['linux', { XDG_CACHE_HOME: '' }, '/home/u/.cache/duckfleet/engines'],
    ['darwin', {}, '/home/u/Library/Caches/duckfleet/engines'],
    ['win32', { LOCALAPPDATA: 'C:\\L' }, 'C:\\L\\duckfleet\\engines'],
  ] as const)('on %s with %o is %s', (platform, env, folder) => {
    expect(defaultCacheFolder(env, platform, '/home/u')).toBe(folder)
  })
})

describe('npm', () => {
  it('sees no secret of ours', () => {
    const env = npmEnvironment(
      { PATH: '/bin', DATABASE_URL: 'x', AWS_SECRET_ACCESS_KEY: 'x', HTTPS_PROXY: 'p' },
      2,
    )
    expect(env).toEqual({ PATH: '/bin', HTTPS_PROXY: 'p', JOBS: '2', MAKEFLAGS: '-j2' })
  })

  const [engine] = some('native-0.8.1')
  it.each([
    ['npm error gyp ERR! stack Error: not found: make', 'usage', 'apt-get install g++ make python3'],
    ['gyp ERR! find Python Python is not set', 'usage', 'apt-get install g++ make python3'],
    ['npm error code ENOTFOUND', 'transient', 'cannot be reached'],
    ['npm error ENOSPC: no space left on device, write', 'transient', 'the disk is full'],
    ['g++: fatal error: Killed signal terminated program cc1plus', 'engine', 'ran out of memory'],
    ['npm error code ETARGET', 'engine', 'does not carry it'],
    ['npm error code E401', 'usage', 'refused access'],
  ])('%s is explained', (line, code, advice) => {
    if (engine === undefined) throw new Error('no such engine')
    const failure = explainFailure(engine, ['something before', line, 'npm error A complete log of this run'])
    expect(failure).toMatchObject({ code, message: expect.stringContaining(advice) as string })
    expect(failure.message).toContain('duckdb@0.8.1')
  })

  it('is quoted where nobody knows better, without passwords', () => {
    if (engine === undefined) throw new Error('no such engine')
    const failure = explainFailure(engine, [
      'npm error strange https://me:secret@r.example/x _authToken=abc',
      '',
    ])
    expect(failure.message).toContain('npm error strange https://***@r.example/x _authToken=***')
  })
})
