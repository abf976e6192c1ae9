import { DescribeServicesCommand, ECSClient, UpdateServiceCommand } from '@aws-sdk/client-ecs'
import type { Service } from '@aws-sdk/client-ecs'
import { DuckfleetError } from '../errors.js'
import { AWS_CLIENT, callAws } from './aws.js'
import type { AwsCall } from './aws.js'
import type { ServiceCounts, Services } from './services.js'

/** The services of an ECS cluster; region and credentials come from the SDK's own chain. `limitMs`: for each call. */
export function createEcsServices(cluster: string, limitMs?: number): Services {
  const client = new ECSClient(AWS_CLIENT)
  const call = (what: string, service: string, permission: string): AwsCall => ({
    problem: `the ECS service ${service} of the cluster ${cluster} cannot be ${what}`,
    hint: `check its name, the region, and the permission ecs:${permission}`,
  })
  return {
    async counts(service, signal) {
      const command = new DescribeServicesCommand({ cluster, services: [service] })
      const read = call('looked at', service, 'DescribeServices')
      const answer = await callAws(
        read,
        (abortSignal) => client.send(command, { abortSignal }),
        signal,
        limitMs,
      )
      const found = answer.services?.[0]
      // ECS keeps deleted services for some time.
      if (found === undefined || found.status === 'INACTIVE') {
        const names = 'ECS_CLUSTER, ECS_SERVICE_SMALL and ECS_SERVICE_BIG name others'
        throw new DuckfleetError(
          'usage',
          `the cluster ${cluster} has no service ${service}: check --env and the region; ${names}`,
        )
      }
      return countsOf(service, found)
    },
    async setDesired(service, tasks, signal) {
      const command = new UpdateServiceCommand({ cluster, service, desiredCount: tasks })
      const update = call('scaled', service, 'UpdateService')
      const answer = await callAws(
        update,
        (abortSignal) => client.send(command, { abortSignal }),
        signal,
        limitMs,
      )
      return countsOf(service, answer.service ?? {})
    },
    close() {
      client.destroy()
    },
  }
}

function countsOf(service: string, { desiredCount, runningCount, pendingCount }: Service): ServiceCounts {
  return { service, desired: desiredCount ?? 0, running: runningCount ?? 0, pending: pendingCount ?? 0 }
}
