/*
 * Makes a database file with an old native engine, for machines that have no file to measure with. Arguments: the
 * package's folder, what to make (volume or many-tables), the new file.
 */
import { runLegacy } from './legacy.js'

const ROWS = 2_000_000
const TABLES = 300

const VOLUME = [
  `CREATE TABLE store(store_id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, region VARCHAR)`,
  `INSERT INTO store SELECT i, 'store ' || i, 'region ' || i % 12 FROM range(2000) r(i)`,
  `CREATE TABLE volume_cases(id BIGINT, store_id INTEGER, week DATE, cases DECIMAL(18,3), revenue DOUBLE,
     channel VARCHAR, note VARCHAR, updated_at TIMESTAMP)`,
  `INSERT INTO volume_cases SELECT i, i % 2000, DATE '2020-01-06' + 7 * CAST(i % 150 AS INTEGER), (i * 37) % 100000 / 8.0,
     sqrt(i), ['on', 'off', 'home'][1 + i % 3], CASE WHEN i % 5 = 0 THEN NULL ELSE 'note ' || (i * 7919) % 50021 END,
     TIMESTAMP '2023-01-01 00:00:00' + i * INTERVAL 1 SECOND FROM range(${ROWS}) r(i)`,
  `CREATE INDEX volume_store ON volume_cases(store_id)`,
  `CREATE UNIQUE INDEX volume_id ON volume_cases(id)`,
]

const [modulePath = '', kind = '', file = ''] = process.argv.slice(2)
await runLegacy(modulePath, file, 'create', kind === 'volume' ? VOLUME : manyTables())

function manyTables(): string[] {
  return Array.from({ length: TABLES }, (_, n) => [
    `CREATE TABLE t${n}(id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, amount DECIMAL(18,3), at TIMESTAMP)`,
    `INSERT INTO t${n} SELECT i, 'row ' || i, i * ${n} / 8.0, TIMESTAMP '2023-01-01 00:00:00' + i * INTERVAL 1 MINUTE
       FROM range(200) r(i)`,
  ]).flat()
}
