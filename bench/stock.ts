import path from 'node:path'
import { readHeader } from '../src/cli/inspection.js'
import type { InstalledEngine } from '../src/engine/locate.js'
import { chooseReader } from '../src/engine/registry.js'
import { requireDatabase } from '../src/migration/file/header.js'
import type { NodeCommand } from './measure.js'
import { benchProgram } from './project.js'

/** The engine that a user would export this file with: native where it is installed, else WASM. */
export async function stockReader(
  file: string,
  engines: readonly InstalledEngine[],
): Promise<InstalledEngine> {
  const header = requireDatabase((await readHeader(file)).result, file)
  return chooseReader(header, engines, { prefer: 'native' })
}

/** The shell loop that stock is: for each file, export in one process, import in the next. Writes below `folder`. */
export function stockCommands(
  files: readonly { readonly file: string; readonly reader: InstalledEngine }[],
  target: InstalledEngine,
  folder: string,
): readonly NodeCommand[] {
  return files.flatMap(({ file, reader }, i) => {
    const [exported, imported] = [path.join(folder, `${i}.export`), path.join(folder, `${i}.duckdb`)]
    return [
      [benchProgram('stock-export'), reader.driver, reader.modulePath, file, exported],
      [benchProgram('stock-import'), target.modulePath, imported, exported],
    ]
  })
}
