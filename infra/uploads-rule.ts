import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { withUploadsRule } from './lib/uploads-rule.js'

/*
 * Adds the rule that removes the parts of uploads which never ended, to a bucket that is there already. S3 takes a
 * bucket's rules only as a whole: so they are read first, and written back with the new one.
 */
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { days: { type: 'string', default: '7' }, apply: { type: 'boolean', default: false } },
})
const [bucket] = positionals
const days = Number(values.days)
if (bucket === undefined || positionals.length > 1 || !Number.isInteger(days) || days < 1) {
  process.stderr.write('usage: npm run uploads-rule -- BUCKET [--days 7] [--apply]\n')
  process.exit(2)
}

const wanted = withUploadsRule(readRules(bucket), days)
if (wanted === undefined) {
  process.stdout.write(
    `${bucket} has a rule for stranded uploads of the whole bucket already; nothing to do\n`,
  )
} else {
  const rules = JSON.stringify(wanted.rules, null, 2)
  process.stdout.write(`${rules}\n`)
  if (values.apply) {
    const { minimumObjectSize: size } = wanted
    const more = size === undefined ? [] : ['--transition-default-minimum-object-size', size]
    aws('put-bucket-lifecycle-configuration', bucket, '--lifecycle-configuration', rules, ...more)
    process.stdout.write(`these are now the rules of ${bucket}\n`)
  } else process.stdout.write(`these would be the rules of ${bucket}; --apply writes them\n`)
}

function readRules(name: string): unknown {
  try {
    return JSON.parse(aws('get-bucket-lifecycle-configuration', name))
  } catch (error) {
    if (error instanceof Error && error.message.includes('NoSuchLifecycleConfiguration')) return { Rules: [] }
    throw error
  }
}

function aws(command: string, name: string, ...more: string[]): string {
  return execFileSync('aws', ['s3api', command, '--bucket', name, '--output', 'json', ...more], {
    encoding: 'utf8',
    timeout: 60_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
