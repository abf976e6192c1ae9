import { CfnOutput } from 'aws-cdk-lib'
import type { IRole } from 'aws-cdk-lib/aws-iam'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { publisherPermissions } from './permissions.js'
import { createRole } from './role.js'
import { ROUTES, endsOf } from './routes.js'
import type { Route } from './routes.js'
import type { Settings } from './settings.js'
import { createTask, fileEnvironment } from './task.js'

/** A task definition for each route that there is: run by hand, once for a campaign. */
export function createPublishers(
  scope: Construct,
  settings: Settings,
  deps: { readonly executionRole: IRole; readonly logGroup: ILogGroup },
): void {
  for (const route of routesOf(settings)) {
    const id = `Publisher${route.replace(/(^|-)(\w)/g, (_all, _dash, letter: string) => letter.toUpperCase())}`
    const { from, to } = endsOf(route)
    const task = createTask(scope, id, settings, {
      family: `duckfleet-${settings.env}-publish-${route}`,
      image: settings.services.small.image,
      cpu: 512,
      memoryMiB: 1024,
      taskRole: createRole(scope, `${id}Role`, settings, publisherPermissions(settings, route)),
      ...deps,
      files: from === 'efs' || to === 'efs' ? 'read' : 'none',
      entryPoint: ['node', `/app/dist/publishers/migrate-duckdb-${route}.js`],
      command: ['--env', settings.env],
      environment: {
        ENVIRONMENT: settings.env,
        AWS_REGION: settings.region,
        RABBIT_SECRET: settings.broker.secretName,
        DB_SECRET: settings.database.secretName,
        SOURCE_BUCKET: settings.sourceBucket.name,
        DESTINATION_BUCKET: settings.destinationBucket.name,
        QUEUE_NAME: settings.queue,
        ...(from === 'efs' || to === 'efs' ? fileEnvironment(settings) : {}),
      },
    })
    new CfnOutput(scope, `${id}Definition`, { value: task.taskDefinitionArn })
  }
}

/** Without a file system there are no routes from or to it. */
function routesOf({ fileSystem }: Settings): Route[] {
  return ROUTES.filter((route) => fileSystem !== undefined || !route.includes('efs'))
}
