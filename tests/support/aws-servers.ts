import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

type Json = Readonly<Record<string, unknown>>

/** An object for status 200, an error, or null: no answer at all. */
type AwsAnswer = Json | { readonly status: number; readonly error: string } | null

/** Answers one operation, such as `UpdateService`. */
export type AwsHandler = (operation: string, input: Json) => AwsAnswer

interface AwsCall {
  readonly operation: string
  readonly input: Json
}

/** Speaks AWS's JSON protocols as far as signatures, operations and errors go. */
export interface AwsServer {
  readonly endpoint: string
  /** What was asked, signed as it should be, in order. */
  readonly calls: readonly AwsCall[]
  close(): Promise<void>
}

/** A server for one service: `prefix` is what its `x-amz-target` begins with. */
async function startAwsServer(prefix: string, handle: AwsHandler): Promise<AwsServer> {
  const calls: AwsCall[] = []
  const answer = async (request: IncomingMessage): Promise<AwsAnswer> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const [service, operation = ''] = String(request.headers['x-amz-target']).split('.')
    const signed = request.headers.authorization?.startsWith('AWS4-HMAC-SHA256') === true
    if (!signed || service !== prefix) return { status: 400, error: 'InvalidSignatureException' }
    const input = JSON.parse(Buffer.concat(chunks).toString()) as Json
    calls.push({ operation, input })
    return handle(operation, input)
  }
  const server = createServer((request, response) => {
    void answer(request).then((given) => {
      if (given === null) return
      const failed = 'error' in given && 'status' in given
      response.writeHead(failed ? Number(given['status']) : 200, {
        'content-type': 'application/x-amz-json-1.1',
      })
      response.end(JSON.stringify(failed ? { __type: given['error'], message: 'said the server' } : given))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface FakeService {
  desired: number
  running: number
  pending: number
}

/** ECS with some services, whose tasks start and stop one a look. */
export interface EcsServer extends AwsServer {
  readonly services: Map<string, FakeService>
  /** Answers given instead, the first first. */
  readonly instead: AwsAnswer[]
  /** Tasks that a look starts or stops; 0: nothing happens any more. */
  pace: number
}

export async function startEcsServer(
  services: Readonly<Record<string, number>>,
  cluster = 'duckfleet-dev',
): Promise<EcsServer> {
  const known = new Map(
    Object.entries(services).map(([name, tasks]) => [name, { desired: tasks, running: tasks, pending: 0 }]),
  )
  const instead: AwsAnswer[] = []
  const shown = (serviceName: string, { desired, running, pending }: FakeService): Json => ({
    serviceName,
    status: 'ACTIVE',
    desiredCount: desired,
    runningCount: running,
    pendingCount: pending,
  })
  const move = (service: FakeService): void => {
    const wanted = service.desired - service.running
    const moved = Math.sign(wanted) * Math.min(Math.abs(wanted), ecs.pace)
    service.running += moved
    service.pending = Math.max(0, service.desired - service.running)
  }
  const handle: AwsHandler = (operation, input) => {
    const other = instead.shift()
    if (other !== undefined) return other
    if (input['cluster'] !== cluster) return { status: 400, error: 'ClusterNotFoundException' }
    if (operation === 'UpdateService') {
      const name = String(input['service'])
      const service = known.get(name)
      if (service === undefined) return { status: 400, error: 'ServiceNotFoundException' }
      service.desired = Number(input['desiredCount'])
      service.pending = Math.max(0, service.desired - service.running)
      return { service: shown(name, service) }
    }
    const names = input['services'] as string[]
    const found = names.flatMap((name) => {
      const service = known.get(name)
      if (service === undefined) return []
      move(service)
      return [shown(name, service)]
    })
    const failures = names.filter((name) => !known.has(name)).map((arn) => ({ arn, reason: 'MISSING' }))
    return { services: found, failures }
  }
  const server = await startAwsServer('AmazonEC2ContainerServiceV20141113', handle)
  const ecs: EcsServer = { ...server, services: known, instead, pace: 5 }
  return ecs
}

/** CloudWatch's PutMetricData. */
export function startCloudWatchServer(handle: AwsHandler = () => ({})): Promise<AwsServer> {
  return startAwsServer('GraniteServiceVersion20100801', handle)
}

/** Makes the SDK of this process use these servers, until the function that is returned is called. */
export function useServers(endpoints: { readonly ecs?: string; readonly cloudWatch?: string }): () => void {
  const wanted: Readonly<Record<string, string | undefined>> = {
    AWS_ENDPOINT_URL_ECS: endpoints.ecs,
    AWS_ENDPOINT_URL_CLOUDWATCH: endpoints.cloudWatch,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  }
  const before = Object.keys(wanted).map((name) => [name, process.env[name]] as const)
  const set = (entries: Iterable<readonly [string, string | undefined]>): void => {
    for (const [name, value] of entries) {
      if (value === undefined) Reflect.deleteProperty(process.env, name)
      else process.env[name] = value
    }
  }
  set(Object.entries(wanted))
  return () => {
    set(before)
  }
}
