import { compareReleases, newestVersionOf, STABLE_VERSION } from '../migration/file/releases.js'

/** What runs an engine: `wasm` inside Node, `native` the old npm addon, `neo` the new one (`@duckdb/node-api`). */
export type Driver = 'wasm' | 'native' | 'neo'

/** One engine that duckfleet knows how to install and to run. */
export interface EngineSpec {
  /** DuckDB release, such as `0.8.1`. */
  readonly release: string
  readonly driver: Driver
  /** npm package and exact version that carry it. */
  readonly npmPackage: string
  readonly npmVersion: string
  /** Storage versions that it opens, both ends included. */
  readonly opens: { readonly from: number; readonly to: number }
  readonly canWrite: boolean
  /** The name by which duckfleet itself depends on it; undefined: only `duckfleet engines install` fetches it. */
  readonly bundledAs: string | undefined
}

const WASM: readonly (readonly [release: string, npmVersion: string, bundledAs?: string])[] = [
  ['0.4.0', '1.16.0'],
  ['0.5.1', '1.17.0'],
  ['0.6.1', '1.20.0', 'duckdb-wasm-0.6'],
  ['0.7.1', '1.24.0', 'duckdb-wasm-0.7'],
  ['0.8.1', '1.27.0', 'duckdb-wasm-0.8'],
]

/** The last release of each line; the npm version is the release itself. */
const NATIVE: readonly string[] = [
  '0.6.1',
  '0.7.1',
  '0.8.1',
  '0.9.2',
  '0.10.2',
  '1.0.0',
  '1.1.3',
  '1.2.1',
  '1.3.2',
  '1.4.4',
]

/** Release and the last npm version made of it. There is no 1.3.4: npm's package of that name carries 1.3.2. */
const NEO: readonly (readonly [release: string, npmVersion: string])[] = [
  ['1.1.3', '1.1.3-alpha.12'],
  ['1.2.0', '1.2.0-alpha.15'],
  ['1.2.1', '1.2.1-alpha.17'],
  ['1.2.2', '1.2.2-alpha.19'],
  ['1.3.0', '1.3.0-alpha.21'],
  ['1.3.1', '1.3.1-alpha.23'],
  ['1.3.2', '1.3.2-alpha.26'],
  ['1.4.0', '1.4.0-r.2'],
  ['1.4.1', '1.4.1-r.5'],
  ['1.4.2', '1.4.2-r.1'],
  ['1.4.3', '1.4.3-r.3'],
  ['1.4.4', '1.4.4-r.4'],
  ['1.4.5', '1.4.5-r.1'],
  ['1.5.0', '1.5.0-r.1'],
  ['1.5.1', '1.5.1-r.2'],
  ['1.5.2', '1.5.2-r.2'],
  ['1.5.3', '1.5.3-r.3'],
  ['1.5.4', '1.5.4-r.1'],
  ['1.5.5', '1.5.5-r.5'],
  ['1.5.6', '1.5.6-r.1'],
]
const BUNDLED_NEO = '1.5.6'

/** Every engine there is, oldest release first. */
export const ENGINES: readonly EngineSpec[] = [
  ...WASM.map(([release, npmVersion, bundledAs]) => wasm(release, npmVersion, bundledAs)),
  ...NATIVE.map(native),
  ...NEO.map(([release, npmVersion]) => neo(release, npmVersion)),
].sort((a, b) => compareReleases(a.release, b.release))

function wasm(release: string, npmVersion: string, bundledAs: string | undefined): EngineSpec {
  return {
    release,
    driver: 'wasm',
    npmPackage: '@duckdb/duckdb-wasm',
    npmVersion,
    opens: storageVersionsOf(release),
    // Small files that they wrote did not open again.
    canWrite: false,
    bundledAs,
  }
}

function native(release: string): EngineSpec {
  return {
    release,
    driver: 'native',
    npmPackage: 'duckdb',
    npmVersion: release,
    opens: storageVersionsOf(release),
    canWrite: true,
    bundledAs: undefined,
  }
}

function neo(release: string, npmVersion: string): EngineSpec {
  return {
    release,
    driver: 'neo',
    npmPackage: '@duckdb/node-api',
    npmVersion,
    opens: storageVersionsOf(release),
    canWrite: true,
    bundledAs: release === BUNDLED_NEO ? '@duckdb/node-api' : undefined,
  }
}

/** A release reads its own version only, until the format became stable with 64. */
function storageVersionsOf(release: string): EngineSpec['opens'] {
  const to = newestVersionOf(release)
  return { from: Math.min(to, STABLE_VERSION), to }
}
