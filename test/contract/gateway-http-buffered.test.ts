import { contract } from './behaviour.contract.js'
import { gatewayRow } from './row.js'

contract(gatewayRow('http', { postBuffering: 8 }))
