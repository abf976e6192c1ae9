#!/usr/bin/env node
import { start } from '../src/cli/command.js'

start(['publish', 's3-s3', ...process.argv.slice(2)])
