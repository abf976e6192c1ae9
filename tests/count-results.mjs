// Counts the tests in a JSON report of vitest: prints `PASSED OTHERS`, where others failed, or were not run at all.
import { readFileSync } from 'node:fs'

const { numTotalTests, numPassedTests, testResults } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
for (const { name, assertionResults } of testResults) {
  for (const { fullName, status } of assertionResults) {
    if (status !== 'passed' && status !== 'failed') process.stderr.write(`not run: ${name}: ${fullName}\n`)
  }
}
const broken = testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
)
process.stdout.write(`${numPassedTests} ${numTotalTests - numPassedTests + broken.length}\n`)
