#!/usr/bin/env node
import { start } from '../src/cli/command.js'

start(['publish', 'efs-efs', ...process.argv.slice(2)])
