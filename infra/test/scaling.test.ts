import { runInNewContext } from 'node:vm'
import type { Template } from 'aws-cdk-lib/assertions'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { resourcesOf, synthesize } from './support.js'

const metrics = z.array(
  z.object({ Id: z.string(), Expression: z.string().optional(), ReturnData: z.boolean() }),
)
const alarm = z.object({
  AlarmDescription: z.string(),
  AlarmActions: z.tuple([z.object({ Ref: z.string() })]),
  Threshold: z.literal(1),
  ComparisonOperator: z.literal('GreaterThanOrEqualToThreshold'),
  EvaluationPeriods: z.number(),
  TreatMissingData: z.string(),
  Metrics: metrics,
})
const policy = z.object({
  PolicyType: z.string(),
  StepScalingPolicyConfiguration: z
    .object({
      AdjustmentType: z.string(),
      StepAdjustments: z.tuple([
        z.object({ MetricIntervalLowerBound: z.literal(0), ScalingAdjustment: z.number() }),
      ]),
    })
    .optional(),
  TargetTrackingScalingPolicyConfiguration: z
    .object({
      DisableScaleIn: z.boolean(),
      TargetValue: z.number(),
      CustomizedMetricSpecification: z.object({ Metrics: metrics }),
    })
    .optional(),
})

interface Rule {
  readonly id: string
  readonly expression: string
  readonly alarm: z.output<typeof alarm>
  readonly step: NonNullable<z.output<typeof policy>['StepScalingPolicyConfiguration']>
}

let template: Template
let rules: Rule[]
beforeAll(() => {
  template = synthesize()
  const policies = new Map(
    resourcesOf(template, 'AWS::ApplicationAutoScaling::ScalingPolicy').map(({ id, Properties }) => [
      id,
      policy.parse(Properties),
    ]),
  )
  rules = resourcesOf(template, 'AWS::CloudWatch::Alarm')
    .filter(({ Properties }) =>
      String(Properties['AlarmDescription']).startsWith('Scaling of migrate-duck-small'),
    )
    .map(({ id, Properties }) => {
      const read = alarm.parse(Properties)
      const step = policies.get(read.AlarmActions[0].Ref)?.StepScalingPolicyConfiguration
      const expression = read.Metrics.find(({ ReturnData }) => ReturnData)?.Expression
      if (step === undefined || expression === undefined) throw new Error(`${id} leads nowhere`)
      return { id: id.replace(/Alarm[0-9A-F]{8}$/, ''), expression, alarm: read, step }
    })
}, 120_000)

interface Depth {
  readonly ready: number
  readonly inWork: number
  readonly consumers: number
}

/** The part of CloudWatch's metric math that is used here. */
function evaluate(expression: string, depth: Depth): number {
  const IF = (condition: boolean, then: number, otherwise: number): number => (condition ? then : otherwise)
  return z.number().parse(runInNewContext(expression.replaceAll(' AND ', ' && '), { IF, ...depth }))
}

function fired(depth: Depth): string[] {
  return rules.filter(({ expression }) => evaluate(expression, depth) >= 1).map(({ id }) => id)
}

describe('scaling of a queue', () => {
  it('starts from zero tasks as soon as a message waits, and adds one at a time', () => {
    expect(fired({ ready: 1, inWork: 0, consumers: 0 })).toEqual(['SmallStart'])
    expect(fired({ ready: 1_000_000, inWork: 0, consumers: 0 })).toEqual(['SmallStart'])
    const start = rules.find(({ id }) => id === 'SmallStart')
    expect(start?.alarm.EvaluationPeriods).toBe(1)
    expect(start?.step).toMatchObject({
      AdjustmentType: 'ChangeInCapacity',
      StepAdjustments: [{ ScalingAdjustment: 1 }],
    })
  })

  it('goes down to the least number only when nothing waits and nothing is in work, for ten minutes', () => {
    for (const consumers of [0, 1, 20])
      expect(fired({ ready: 0, inWork: 0, consumers })).toEqual(['SmallStop'])
    const stop = rules.find(({ id }) => id === 'SmallStop')
    expect(stop?.alarm.EvaluationPeriods).toBe(10)
    expect(stop?.step).toMatchObject({
      AdjustmentType: 'ExactCapacity',
      StepAdjustments: [{ ScalingAdjustment: 0 }],
    })
  })

  it('never takes a task away that works, whatever the figures', () => {
    for (const ready of [0, 1, 100])
      for (const inWork of [0, 1, 2, 9, 10])
        for (const consumers of [0, 1, 2, 10, 20]) {
          const down = fired({ ready, inWork, consumers }).filter((id) => id !== 'SmallStart')
          if (ready > 0) expect(down).toEqual([])
          if (inWork > 0) expect(down).not.toContain('SmallStop')
          // Half of the tasks that are left are still as many as work.
          if (down.includes('SmallShrink')) expect(Math.ceil(consumers / 2)).toBeGreaterThanOrEqual(inWork)
        }
  })

  it('halves its tasks while half of them are idle and nothing waits', () => {
    expect(fired({ ready: 0, inWork: 3, consumers: 20 })).toEqual(['SmallShrink'])
    expect(fired({ ready: 0, inWork: 11, consumers: 20 })).toEqual([])
    expect(fired({ ready: 0, inWork: 1, consumers: 1 })).toEqual([])
  })

  it('does nothing while there are no figures', () => {
    expect(rules).toHaveLength(3)
    for (const rule of rules) expect(rule.alarm.TreatMissingData).toBe('notBreaching')
  })

  it('keeps the backlog per task at its target, also where there is no task yet, and never scales in for it', () => {
    const tracking = resourcesOf(template, 'AWS::ApplicationAutoScaling::ScalingPolicy')
      .map(({ Properties }) => policy.parse(Properties).TargetTrackingScalingPolicyConfiguration)
      .filter((found) => found !== undefined)
    expect(tracking.map(({ TargetValue }) => TargetValue)).toEqual([50, 2])
    for (const { DisableScaleIn, CustomizedMetricSpecification } of tracking) {
      expect(DisableScaleIn).toBe(true)
      const expression =
        CustomizedMetricSpecification.Metrics.find(({ ReturnData }) => ReturnData)?.Expression ?? ''
      expect(evaluate(expression, { ready: 900, inWork: 10, consumers: 10 })).toBe(91)
      expect(evaluate(expression, { ready: 900, inWork: 0, consumers: 0 })).toBe(900)
    }
  })

  it('stays between the least and the most of the settings', () => {
    const targets = resourcesOf(template, 'AWS::ApplicationAutoScaling::ScalableTarget')
    expect(targets.map(({ Properties }) => [Properties['MinCapacity'], Properties['MaxCapacity']])).toEqual([
      [0, 20],
      [0, 5],
    ])
  })
})
