import { Duration } from 'aws-cdk-lib'
import {
  AdjustmentType,
  CfnScalingPolicy,
  MetricAggregationType,
  ScalableTarget,
  ServiceNamespace,
  StepScalingAction,
} from 'aws-cdk-lib/aws-applicationautoscaling'
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { ApplicationScalingAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { Cluster, FargateService } from 'aws-cdk-lib/aws-ecs'
import { Role } from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import { globalArn } from './names.js'
import { queueExpression } from './queue-metrics.js'
import type { QueueMetric, Size } from './queue-metrics.js'
import type { Settings } from './settings.js'

/**
 * How many tasks a queue gets. Four rules, each with one job; all of them stay within minTasks and maxTasks, and none
 * does anything when there are no figures.
 *
 * - start: messages wait and nobody works: one task more. Backlog per task has no value there.
 * - grow: keep the backlog per task at its target. It never takes a task away.
 * - shrink: nothing waits and half of the tasks are idle: half of them go. Those that work are protected.
 * - stop: nothing waits and nothing is in work, for ten minutes: down to minTasks.
 */
export function createScaling(
  scope: Construct,
  id: string,
  settings: Settings,
  size: Size,
  { cluster, service }: { readonly cluster: Cluster; readonly service: FargateService },
): void {
  const { minTasks, maxTasks, backlogPerTask } = settings.services[size]
  const target = new ScalableTarget(scope, `${id}Scaling`, {
    serviceNamespace: ServiceNamespace.ECS,
    scalableDimension: 'ecs:service:DesiredCount',
    resourceId: `service/${cluster.clusterName}/${service.serviceName}`,
    minCapacity: minTasks,
    maxCapacity: maxTasks,
    // The one that AWS keeps for this; CDK would make another that nobody uses.
    role: Role.fromRoleArn(scope, `${id}ScalingRole`, serviceLinkedRole(settings), { mutable: false }),
  })
  // Names are tokens to CloudFormation: without this the target could come before its service.
  target.node.addDependency(service)
  const rule = { settings, size, target }

  step(scope, `${id}Start`, rule, {
    when: 'IF(ready > 0 AND consumers < 1, 1, 0)',
    periods: 1,
    change: { type: AdjustmentType.CHANGE_IN_CAPACITY, by: 1 },
    // A task needs some minutes from its start to its first message.
    cooldownMinutes: 5,
  })
  grow(scope, `${id}Grow`, rule, backlogPerTask)
  step(scope, `${id}Shrink`, rule, {
    when: 'IF(ready < 1 AND inWork > 0 AND consumers >= 2 * inWork, 1, 0)',
    periods: 5,
    change: { type: AdjustmentType.PERCENT_CHANGE_IN_CAPACITY, by: -50 },
    cooldownMinutes: 10,
  })
  step(scope, `${id}Stop`, rule, {
    when: 'IF(ready + inWork < 1, 1, 0)',
    periods: 10,
    change: { type: AdjustmentType.EXACT_CAPACITY, by: minTasks },
    cooldownMinutes: 5,
  })
}

function serviceLinkedRole(settings: Settings): string {
  const service = 'ecs.application-autoscaling.amazonaws.com'
  const role = `aws-service-role/${service}/AWSServiceRoleForApplicationAutoScaling_ECSService`
  return globalArn(settings, 'iam', `role/${role}`)
}

interface Rule {
  readonly settings: Settings
  readonly size: Size
  readonly target: ScalableTarget
}

interface Step {
  /** 1 where it applies, 0 where not. */
  readonly when: string
  /** So many looks at the queue in a row. */
  readonly periods: number
  readonly change: { readonly type: AdjustmentType; readonly by: number }
  readonly cooldownMinutes: number
}

function step(scope: Construct, id: string, { settings, size, target }: Rule, wanted: Step): void {
  const action = new StepScalingAction(scope, `${id}Policy`, {
    scalingTarget: target,
    adjustmentType: wanted.change.type,
    cooldown: Duration.minutes(wanted.cooldownMinutes),
    metricAggregationType: MetricAggregationType.MAXIMUM,
  })
  action.addAdjustment({ adjustment: wanted.change.by, lowerBound: 0 })
  new Alarm(scope, `${id}Alarm`, {
    alarmDescription: `Scaling of ${settings.services[size].name}: ${wanted.when}`,
    metric: queueExpression(settings, size, wanted.when),
    threshold: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods: wanted.periods,
    datapointsToAlarm: wanted.periods,
    // No figures is no reason to end tasks, or to start any.
    treatMissingData: TreatMissingData.NOT_BREACHING,
  }).addAlarmAction(new ApplicationScalingAction(action))
}

/** Target tracking over an expression, which the higher constructs do not know. */
function grow(scope: Construct, id: string, { settings, size, target }: Rule, backlogPerTask: number): void {
  const expression = queueExpression(settings, size, '(ready + inWork) / IF(consumers < 1, 1, consumers)')
  const metrics = Object.entries(expression.usingMetrics).map(([metricId, metric]) => {
    const { metricStat } = metric.toMetricConfig()
    if (metricStat === undefined) throw new Error(`${metricId} is no metric`)
    return {
      id: metricId,
      returnData: false,
      metricStat: {
        metric: {
          namespace: metricStat.namespace,
          metricName: metricStat.metricName satisfies string as QueueMetric,
          dimensions: (metricStat.dimensions ?? []).map(({ name, value }) => ({
            name,
            value: String(value),
          })),
        },
        stat: 'Maximum',
      },
    }
  })
  const policy = new CfnScalingPolicy(scope, `${id}Policy`, {
    policyName: id,
    policyType: 'TargetTrackingScaling',
    scalingTargetId: target.scalableTargetId,
    targetTrackingScalingPolicyConfiguration: {
      targetValue: backlogPerTask,
      disableScaleIn: true,
      scaleOutCooldown: 120,
      customizedMetricSpecification: {
        metrics: [
          ...metrics,
          { id: 'backlog', label: 'backlog per task', expression: expression.expression, returnData: true },
        ],
      },
    },
  })
  policy.node.addDependency(target)
}
