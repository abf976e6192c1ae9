import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { Topic } from 'aws-cdk-lib/aws-sns'
import type { Construct } from 'constructs'
import { queueExpression, queueMetric, queueName } from './queue-metrics.js'
import type { Size } from './queue-metrics.js'
import type { Settings } from './settings.js'

interface Wanted {
  readonly what: string
  readonly metric: IMetric
  readonly over: number
  readonly minutes: number
  readonly missing: TreatMissingData
  readonly help: string
}

/** What a person should know of a queue. */
export function createAlarms(scope: Construct, id: string, settings: Settings, size: Size): void {
  const topic =
    settings.alarms.topicArn === undefined
      ? undefined
      : Topic.fromTopicArn(scope, `${id}Topic`, settings.alarms.topicArn)
  for (const wanted of wantedAlarms(settings, size)) {
    const periods = Math.ceil(wanted.minutes / settings.depthEveryMinutes)
    const alarm = new Alarm(scope, `${id}${wanted.what}`, {
      alarmName: `duckfleet-${settings.env}-${size}-${dashed(wanted.what)}`,
      alarmDescription: wanted.help,
      metric: wanted.metric,
      threshold: wanted.over,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods,
      datapointsToAlarm: periods,
      treatMissingData: wanted.missing,
    })
    if (topic === undefined) continue
    alarm.addAlarmAction(new SnsAction(topic))
    alarm.addOkAction(new SnsAction(topic))
  }
}

function wantedAlarms(settings: Settings, size: Size): Wanted[] {
  const { env } = settings
  const { oldestMessageMinutes } = settings.services[size]
  const queue = queueName(settings, size)
  return [
    {
      what: 'Failed',
      metric: queueMetric(settings, size, 'Failed'),
      over: 0,
      minutes: settings.depthEveryMinutes,
      missing: TreatMissingData.IGNORE,
      help: `Messages of ${queue} failed: duckfleet failed list --env ${env}`,
    },
    {
      what: 'OldestMessage',
      metric: queueMetric(settings, size, 'OldestMessageSeconds'),
      over: oldestMessageMinutes * 60,
      minutes: 5,
      missing: TreatMissingData.IGNORE,
      help: `A message has waited in ${queue} for over ${oldestMessageMinutes} minutes: raise maxTasks, or see duckfleet queues --env ${env}`,
    },
    {
      what: 'NoConsumers',
      metric: queueExpression(settings, size, 'IF(ready > 0 AND consumers < 1, 1, 0)'),
      over: 0,
      minutes: settings.alarms.noConsumerMinutes,
      missing: TreatMissingData.IGNORE,
      help: `Messages wait in ${queue} and nobody takes them: see the events of the service ${settings.services[size].name}`,
    },
    {
      what: 'NoFigures',
      metric: queueMetric(settings, size, 'Ready').with({ statistic: 'SampleCount' }),
      // Never over: it is the missing figure that counts.
      over: Number.MAX_SAFE_INTEGER,
      minutes: Math.max(10, 3 * settings.depthEveryMinutes),
      missing: TreatMissingData.BREACHING,
      help: `Nothing measures ${queue}, so it is not scaled: see the log of the task duckfleet-${env}-depth`,
    },
  ]
}

function dashed(name: string): string {
  return name.replace(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase()
}
