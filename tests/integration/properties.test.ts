import { describeProperties } from '../support/properties.js'

describeProperties('native:0.8.1', { release: '1.5.6' })
