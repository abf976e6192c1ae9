import os from 'node:os'
import { z } from 'zod'
import { defaultCacheFolder } from './engine/locate.js'
import { DuckfleetError, asDuckfleetError } from './errors.js'
import { LOG_LEVELS, type LogLevel } from './log.js'
import { parseRelease } from './migration/file/releases.js'

/** What the environment says, read and checked once. This module is the only reader of it. */
export interface Config {
  /** `DUCKDB_MIGRATE_VERSION`, in the form `1.5.6`: the target; undefined: the newest release that is installed. */
  readonly release: string | undefined
  /** `STORAGE_VERSION`, `v1.4.0` or `latest`: for targets that know it; undefined: the target's own default. */
  readonly storageVersion: string | undefined
  /** `DUCKFLEET_ENGINES`: where more engines are installed; default `duckfleet/engines` in the user's cache folder. */
  readonly enginesFolder: string
  /** `WORK_DIR`: where work folders are made; needs room for three times the biggest file. Default: the temp folder. */
  readonly workDir: string
  /** `LOG_LEVEL`: `debug`, `info`, `warn` or `error` writes JSON lines to stderr; undefined: as the command thinks best. */
  readonly logLevel: LogLevel | undefined
  /** The whole environment, for programs that are started and need a part of it (npm: proxies, its own settings). */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** An empty variable is one that is not set: that is how compose files and CI unset them. */
const optional = z.preprocess((value) => (value === '' ? undefined : value), z.string().optional())

const schema = z.object({
  DUCKDB_MIGRATE_VERSION: optional.transform((value, context) =>
    value === undefined ? undefined : spelt(parseRelease, value, context),
  ),
  STORAGE_VERSION: optional.transform((value, context) =>
    value === undefined ? undefined : spelt(parseStorageVersion, value, context),
  ),
  DUCKFLEET_ENGINES: optional,
  WORK_DIR: optional,
  LOG_LEVEL: z.preprocess((value) => (value === '' ? undefined : value), z.enum(LOG_LEVELS).optional()),
})

/** `latest`, or a release in the form that DuckDB wants, `v1.4.0`. Throws a DuckfleetError `usage` for anything else. */
export function parseStorageVersion(text: string): string {
  return text === 'latest' ? text : `v${parseRelease(text)}`
}

/** Reads the environment. Throws a DuckfleetError `usage` that lists every problem with it. */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const result = schema.safeParse(env)
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new DuckfleetError('usage', `wrong environment: ${problems.join('; ')}`)
  }
  const { DUCKDB_MIGRATE_VERSION, STORAGE_VERSION, DUCKFLEET_ENGINES, WORK_DIR, LOG_LEVEL } = result.data
  return {
    release: DUCKDB_MIGRATE_VERSION,
    storageVersion: STORAGE_VERSION,
    enginesFolder: DUCKFLEET_ENGINES ?? defaultCacheFolder(env, process.platform, os.homedir()),
    workDir: WORK_DIR ?? os.tmpdir(),
    logLevel: LOG_LEVEL,
    environment: env,
  }
}

/**
 * Keeps AWS's SDK from telling at every start which Node its future releases will want: operators cannot change that, and the
 * release in use runs on every Node that duckfleet promises.
 */
export function silenceSdkNotice(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
}

function spelt(parse: (text: string) => string, value: string, context: z.RefinementCtx): string {
  try {
    return parse(value)
  } catch (error) {
    context.addIssue({ code: 'custom', message: asDuckfleetError(error).message })
    return z.NEVER
  }
}
