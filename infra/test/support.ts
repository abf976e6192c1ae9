import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { afterAll } from 'vitest'
import { z } from 'zod'
import { settingsOf } from '../config.js'
import { createApp } from '../lib/app.js'
import type { Settings } from '../lib/settings.js'
import { createStack } from '../lib/stack.js'

const resource = z.object({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).default({}) })
type Resource = z.output<typeof resource> & { readonly id: string }

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'duckfleet-infra-'))
  folders.push(folder)
  return folder
}

/** The dev environment with changes, synthesized, and what cdk-nag found that has no reason. */
export function synthesize(changes: Partial<Settings> = {}): {
  readonly template: Template
  readonly findings: readonly string[]
} {
  const outdir = temporaryFolder()
  const app = createApp(outdir)
  const stack = createStack(app, { ...settingsOf('dev'), ...changes })
  const findings = findingsOf(app, outdir)
  return { template: Template.fromStack(stack), findings }
}

const report = z.object({
  pluginReports: z.array(
    z.object({ violations: z.array(z.object({ ruleName: z.string(), severity: z.string().optional() })) }),
  ),
})

/** Ids of the rules that are broken. */
export function findingsOf(app: App, outdir: string): string[] {
  app.synth()
  // CDK would make the whole test run fail; the report says which rules.
  process.exitCode = undefined
  const read: unknown = JSON.parse(readFileSync(path.join(outdir, 'validation-report.json'), 'utf8'))
  return report.parse(read).pluginReports.flatMap(({ violations }) => violations.map(({ ruleName }) => ruleName))
}

export function resourcesOf(template: Template, type: string): Resource[] {
  const found: Record<string, unknown> = template.findResources(type)
  return Object.entries(found).map(([id, value]) => ({ id, ...resource.parse(value) }))
}
