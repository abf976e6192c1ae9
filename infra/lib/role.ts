import { Validations } from 'aws-cdk-lib'
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { IRole } from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import { arn } from './names.js'
import type { Statement } from './permissions.js'
import type { Settings } from './settings.js'

/** Who takes a role, and how the ARNs begin that they take it for. */
const CALLERS = { 'ecs-tasks': 'ecs', scheduler: 'scheduler', 'vpc-flow-logs': 'ec2' } as const
type Service = keyof typeof CALLERS

/**
 * A role with exactly these permissions: nothing that CDK would like to add gets in. Only tasks, or schedules, of this
 * account can take it.
 */
export function createRole(
  scope: Construct,
  id: string,
  settings: Settings,
  statements: readonly Statement[],
  service: Service = 'ecs-tasks',
): IRole {
  const role = new Role(scope, id, {
    assumedBy: new ServicePrincipal(`${service}.amazonaws.com`).withConditions({
      StringEquals: { 'aws:SourceAccount': settings.account },
      ArnLike: { 'aws:SourceArn': arn(settings, CALLERS[service], '*') },
    }),
    inlinePolicies: { duckfleet: new PolicyDocument({ statements: statements.map(toStatement) }) },
  })
  for (const statement of statements) acknowledgeWildcards(role, statement)
  return role.withoutPolicyUpdates()
}

/** The reason stands where the permission does; a wildcard without one stays a finding, and stops the synthesis. */
function acknowledgeWildcards(role: Role, { resources, wildcard }: Statement): void {
  if (wildcard === undefined) return
  for (const resource of resources.filter((name) => name.endsWith('*')))
    Validations.of(role).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason: wildcard })
}

function toStatement({ sid, effect, actions, resources, conditions }: Statement): PolicyStatement {
  return new PolicyStatement({
    sid,
    effect: effect === 'Allow' ? Effect.ALLOW : Effect.DENY,
    actions: [...actions],
    resources: [...resources],
    ...(conditions === undefined ? {} : { conditions }),
  })
}
