import { App, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'

/** An app whose synthesis fails when a rule of cdk-nag's AwsSolutions is broken and no reason was given. */
export function createApp(outdir?: string): App {
  const app = new App({
    outdir,
    analyticsReporting: false,
    context: { '@aws-cdk/aws-ecs:removeDefaultDeploymentAlarm': true },
  })
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  return app
}
