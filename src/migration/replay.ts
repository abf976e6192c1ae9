/**
 * Opens a file that may have a WAL. An engine looks for what the statements in it name, such as CREATE INDEX and ALTER
 * TABLE, in the database that it was made with, whatever is in use: the drivers detach that one, because a schema may
 * have its name.
 */
export async function whileReplaying(
  run: (sql: string) => Promise<unknown>,
  open: () => Promise<unknown>,
): Promise<void> {
  await run(`ATTACH IF NOT EXISTS ':memory:' AS memory`)
  await open()
  await run('DETACH memory')
}
