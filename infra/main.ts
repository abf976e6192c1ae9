import { settingsOf } from './config.js'
import { createApp } from './lib/app.js'
import { createStack } from './lib/stack.js'

const app = createApp()
// `cdk … -c env=NAME`
const env: unknown = app.node.tryGetContext('env') ?? 'dev'
createStack(app, settingsOf(String(env)))
app.synth()
