#!/usr/bin/env node
import { start } from '../src/cli/command.js'

start(['consume', 'small', ...process.argv.slice(2)])
