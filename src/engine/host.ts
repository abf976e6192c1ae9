import type { EngineDriver } from './drivers/driver.js'
import { loadNative } from './drivers/native.js'
import { loadNeo } from './drivers/neo.js'
import { loadWasm } from './drivers/wasm.js'
import { failureOf } from './failure.js'
import type { HostArguments, Ready, Reply, Request } from './protocol.js'

/*
 * The engine process: loads one engine and answers requests. It holds no secret: its environment is empty. It ends
 * when its worker is gone.
 */

const args = JSON.parse(process.argv[2] ?? '{}') as HostArguments
const output: string[] = []

/** Engines print what they have no other way to say, such as a WAL that they dropped. */
function capture(...parts: unknown[]): void {
  if (output.length < 50) output.push(parts.map(String).join(' ').slice(0, 500))
}
Object.assign(console, { log: capture, info: capture, warn: capture, error: capture, debug: capture })

function send(message: readonly Reply[] | Ready): void {
  process.send?.(message)
}

/** Ends the process at once, after telling the worker why, even from inside a blocked engine call. */
function die(message: string): void {
  process.stderr.write(`${message.split('\n', 1)[0]?.slice(0, 500) ?? ''}\n`)
  process.exit(70)
}

let accesses = 0
/** A worker that was killed cannot stop an engine that blocks this process: so it looks for its parent itself. */
function endWithParent(): void {
  if (accesses++ % 256 === 0 && process.ppid !== args.parent) process.exit(70)
}

/** A text may begin with the character U+FEFF; the decoders that the engines' packages make would leave it out. */
function keepByteOrderMarks(): void {
  const Decoder = globalThis.TextDecoder
  globalThis.TextDecoder = class extends Decoder {
    constructor(label?: string, options?: ConstructorParameters<typeof Decoder>[1]) {
      super(label, { ...options, ignoreBOM: true })
    }
  }
}

async function load(): Promise<EngineDriver> {
  switch (args.driver) {
    case 'wasm':
      return loadWasm(args.modulePath, endWithParent)
    case 'native':
      return loadNative(args.modulePath)
    case 'neo':
      return loadNeo(args.modulePath, args.root)
    default:
      return args.driver satisfies never
  }
}

async function answer(driver: EngineDriver, request: Request): Promise<Reply> {
  try {
    const rows = await perform(driver, request)
    return { id: request.id, ok: true, rows, output: output.splice(0) }
  } catch (error) {
    return { id: request.id, ok: false, ...failureOf(error) }
  }
}

async function perform(
  driver: EngineDriver,
  request: Request,
): Promise<Extract<Reply, { ok: true }>['rows']> {
  switch (request.op) {
    case 'open':
      await driver.open(request.session, request.options)
      return []
    case 'query':
      return driver.query(request.session, request.sql)
    case 'export':
      return [{ more: await driver.exportPart(request.session, request) }]
    case 'lock':
      await driver.lock(request.session)
      return []
    case 'close':
      await driver.close(request.session)
      return []
    default:
      return request satisfies never
  }
}

process.on('disconnect', () => process.exit(0))
process.on('uncaughtException', (error) => {
  die(error.message)
})
// The worker decides when to stop: a Ctrl-C in its terminal reaches this process too.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

/** Milliseconds after which an answer waits no longer for those to what was asked with it. */
const TOGETHER_MS = 200

/** An engine that broke answers nothing more: its process is about to be ended. */
async function answerAll(driver: EngineDriver, requests: readonly Request[]): Promise<void> {
  let replies: Reply[] = []
  let since = performance.now()
  for (const request of requests) {
    const reply = await answer(driver, request)
    replies.push(reply)
    if (!reply.ok && reply.kind === 'fatal') break
    if (performance.now() - since < TOGETHER_MS) continue
    send(replies)
    replies = []
    since = performance.now()
  }
  if (replies.length > 0) send(replies)
}

keepByteOrderMarks()
const driver = await load()
let queue = Promise.resolve()
process.on('message', (message) => {
  queue = queue.then(() => answerAll(driver, message as readonly Request[]))
})
send({ ready: true })
