#!/usr/bin/env node
import { start } from '../src/cli/command.js'

start(['publish', 'efs-s3', ...process.argv.slice(2)])
