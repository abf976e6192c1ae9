import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Template } from 'aws-cdk-lib/assertions'
import { afterAll } from 'vitest'
import { z } from 'zod'
import { settingsOf } from '../config.js'
import { createApp } from '../lib/app.js'
import type { Settings } from '../lib/settings.js'
import { createStack } from '../lib/stack.js'

const resource = z.object({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).default({}) })
export type Resource = z.output<typeof resource> & { readonly id: string }

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'duckfleet-infra-'))
  folders.push(folder)
  return folder
}

/** The dev environment with changes. Throws what cdk-nag found that has no reason. */
export function synthesize(changes: Partial<Settings> = {}): Template {
  const app = createApp(temporaryFolder())
  const stack = createStack(app, { ...settingsOf('dev'), ...changes })
  app.synth()
  return Template.fromStack(stack)
}

export function resourcesOf(template: Template, type: string): Resource[] {
  const found: Record<string, unknown> = template.findResources(type)
  return Object.entries(found).map(([id, value]) => ({ id, ...resource.parse(value) }))
}

const oneOrMore = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat())
const role = z.object({
  Policies: z.array(
    z.object({
      PolicyDocument: z.object({
        Statement: z.array(
          z.object({
            Sid: z.string(),
            Effect: z.string(),
            Action: oneOrMore,
            Resource: z.unknown(),
            Condition: z.unknown().optional(),
          }),
        ),
      }),
    }),
  ),
})

/** A line for each statement of each role: role, Sid, effect, actions, resources, conditions. */
export function permissionLines(template: Template): string[] {
  return resourcesOf(template, 'AWS::IAM::Role').flatMap(({ id, Properties }) =>
    role
      .parse(Properties)
      .Policies.flatMap(({ PolicyDocument }) =>
        PolicyDocument.Statement.map(({ Sid, Effect, Action, Resource: on, Condition }) =>
          [
            id.replace(/[0-9A-F]{8}$/, ''),
            Sid,
            Effect,
            Action.join(' '),
            [on].flat().map(short).join(' '),
            ...(Condition === undefined ? [] : [short(Condition)]),
          ].join(' | '),
        ),
      ),
  )
}

/** References by the names of what they refer to, everything else as it is. */
function short(value: unknown): string {
  if (typeof value === 'string') return value
  return JSON.stringify(value)
    .replace(/\{"Ref":"(\w+?)[0-9A-F]{8}"\}/g, '<$1>')
    .replace(/\{"Fn::GetAtt":\["(\w+?)[0-9A-F]{8}","(\w+)"\]\}/g, '<$1.$2>')
}
