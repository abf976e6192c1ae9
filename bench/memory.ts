import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const GIB = 1024 ** 3
const HOLD = `const held = []; for (let i = 0; i < Number(process.argv[1]); i++) held.push(Buffer.alloc(${GIB}, 1))`

/**
 * Takes so many GiB of memory, and frees them. A virtual machine gives free memory back to its host after some seconds, and
 * whoever needs it next waits up to two seconds for a GiB: whom that meets is chance.
 */
export async function takeMemory(gib: number, signal: AbortSignal): Promise<void> {
  await promisify(execFile)(process.execPath, ['-e', HOLD, String(gib)], { signal })
}
