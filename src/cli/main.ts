#!/usr/bin/env node
import { start } from './command.js'

start(process.argv.slice(2))
