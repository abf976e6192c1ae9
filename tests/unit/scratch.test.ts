import { expect, it } from 'vitest'
import { exportMacros } from '../../src/migration/scratch.js'
import { SqlError } from '../../src/migration/sql/session.js'

it('macros that no engine of 0.6 and 0.7 can write out are refused by name, and it is not asked to', async () => {
  const asked: string[] = []
  const session = {
    release: '0.7.1',
    query: (sql: string) => {
      asked.push(sql)
      if (sql.startsWith('DROP')) throw new SqlError('the database is attached in read-only mode', sql)
      return Promise.resolve([])
    },
  }
  const catalog = {
    indexes: [],
    tables: [{ schema: 'main', name: 't', columns: [], constraints: [] }],
    types: [{ schema: 'main', name: 'money', type: { kind: 'decimal', width: 10, scale: 2 } as const }],
  }
  const macro = { schema: 'main', name: 'add', parameters: ['a'], scalar: true, definition: 'a' }
  const scratch = { session, bare: false, folder: '/nowhere', readText: () => Promise.resolve('') }
  await expect(exportMacros(scratch, catalog, [macro])).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(/type main\.money.*main\.add/) as string,
  })
  expect(asked.filter((sql) => sql.startsWith('EXPORT'))).toEqual([])
})
