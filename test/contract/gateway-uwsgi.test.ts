// The contract suite for gateway applications, over a uwsgi socket.
import { contract } from './behaviour.contract.js'
import { gatewayRow } from './row.js'

contract(gatewayRow('uwsgi'))
