import { describeProperties } from '../support/properties.js'

// The writer makes files of storage version 64: another one is asked for, so that every row is written anew.
const target = { release: '1.5.6', storageVersion: 'v1.5.0' }

describeProperties('neo:1.5.6', target)
describeProperties('neo:1.4.4', target, 50)
