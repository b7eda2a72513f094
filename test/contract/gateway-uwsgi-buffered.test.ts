import { contract } from './behaviour.contract.js'
import { gatewayRow } from './row.js'

contract(gatewayRow('uwsgi', { postBuffering: 8 }))
