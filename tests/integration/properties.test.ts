import { describeProperties } from '../support/properties.js'

describeProperties(process.env['FLEET_WRITER'] ?? 'native:0.8.1', { release: '1.5.6' })
