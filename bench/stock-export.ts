/*
 * What a user does without duckfleet, first half: `EXPORT DATABASE … (FORMAT PARQUET)` with an engine of the release
 * that wrote the file. Arguments: driver (native or wasm), the package's folder, the file, the folder to write.
 */
import os from 'node:os'
import { loadWasm } from '../src/engine/drivers/wasm.js'
import { literal } from '../src/migration/sql/sql.js'
import { runLegacy } from './legacy.js'

const [driver = '', modulePath = '', file = '', folder = ''] = process.argv.slice(2)
const statement = `EXPORT DATABASE ${literal(folder)} (FORMAT PARQUET)`

if (driver === 'native') {
  await runLegacy(modulePath, file, 'read', [statement])
} else {
  const engine = await loadWasm(modulePath, () => undefined)
  const settings = { threads: 1, memoryLimit: Math.min(1e9, os.totalmem() / 2) }
  await engine.open(1, { path: file, mode: 'read', folder, storageVersion: undefined, ...settings })
  await engine.query(1, statement)
  await engine.close(1)
}
