#!/usr/bin/env node
import { start } from '../src/cli/command.js'

start(['consume', 'big', ...process.argv.slice(2)])
