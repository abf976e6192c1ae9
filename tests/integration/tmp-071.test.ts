import { describeProperties } from '../support/properties.js'

describeProperties('native:0.7.1', { release: '1.5.6' })
