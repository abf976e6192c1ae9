import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import { parseSettings } from './lib/settings.js'
import type { Settings, SettingsInput } from './lib/settings.js'

/*
 * The one file to edit: everything that names a real thing. What stands here are examples; the account is nobody's, so
 * that nothing can be deployed by accident.
 */
const ACCOUNT = '000000000000'
const REGION = 'us-east-1'

function environment(env: SettingsInput['env'], changes: Partial<SettingsInput> = {}): SettingsInput {
  const image = (size: string): SettingsInput['services']['small']['image'] => ({
    repository: `duckfleet-${size}`,
    version: '0.1.0',
  })
  return {
    env,
    account: ACCOUNT,
    region: REGION,
    architecture: 'arm64',
    network: {
      create: false,
      vpcId: 'vpc-00000000000000000',
      subnets: [
        { id: 'subnet-00000000000000001', zone: `${REGION}a` },
        { id: 'subnet-00000000000000002', zone: `${REGION}b` },
      ],
    },
    sourceBucket: { name: `perform-${env}-raw`, prefixes: ['tracker-migration/'] },
    destinationBucket: { name: `perform-${env}-atomicduck`, prefixes: [''] },
    fileSystem: {
      id: 'fs-00000000000000000',
      accessPointId: 'fsap-00000000000000000',
      securityGroupId: 'sg-00000000000000001',
      source: `perform-${env}-goal/`,
      destination: `perform-${env}-goal-dst/`,
    },
    broker: {
      securityGroupId: 'sg-00000000000000002',
      port: 5671,
      managementPort: 443,
      secretName: `perform_rabbitmq_${env}`,
    },
    database: {
      securityGroupId: 'sg-00000000000000003',
      port: 5432,
      secretName: `perform_database_${env}`,
    },
    queue: 'migrate_duckdb_release',
    services: {
      small: {
        name: 'migrate-duck-small',
        image: image('small'),
        cpu: 1024,
        memoryMiB: 4096,
        ephemeralGiB: 30,
        minTasks: 0,
        maxTasks: 20,
        backlogPerTask: 50,
        spot: true,
        jobDeadlineMinutes: 60,
        oldestMessageMinutes: 12 * 60,
      },
      big: {
        name: 'migrate-duck-big',
        image: image('big'),
        cpu: 4096,
        memoryMiB: 16_384,
        ephemeralGiB: 200,
        minTasks: 0,
        maxTasks: 5,
        backlogPerTask: 2,
        spot: false,
        jobDeadlineMinutes: 360,
        oldestMessageMinutes: 24 * 60,
      },
    },
    logs: { retentionDays: RetentionDays.ONE_MONTH },
    alarms: { noConsumerMinutes: 15 },
    ...changes,
  }
}

const ENVIRONMENTS: Readonly<Record<SettingsInput['env'], SettingsInput>> = {
  dev: environment('dev'),
  staging: environment('staging'),
  prod: environment('prod', { logs: { retentionDays: RetentionDays.ONE_YEAR } }),
}

/** The settings of an environment, checked. Throws an Error for an unknown name, or one that lists every problem. */
export function settingsOf(env: string): Settings {
  const found = Object.entries(ENVIRONMENTS).find(([name]) => name === env)
  if (found === undefined)
    throw new Error(`no environment '${env}' in config.ts; there are ${Object.keys(ENVIRONMENTS).join(', ')}`)
  return parseSettings(found[1])
}
