/*
 * What a user does without duckfleet, second half: `IMPORT DATABASE` into a new file with the target engine and its
 * default settings. Arguments: the package's folder, the new file, the folder to read.
 */
import { createRequire } from 'node:module'
import type * as Api from '@duckdb/node-api'
import { literal } from '../src/migration/sql/sql.js'

const [modulePath = '', file = '', folder = ''] = process.argv.slice(2)
const { DuckDBInstance } = createRequire(import.meta.url)(modulePath) as typeof Api

const instance = await DuckDBInstance.create(file)
const connection = await instance.connect()
await connection.run(`IMPORT DATABASE ${literal(folder)}`)
connection.closeSync()
instance.closeSync()
