// The contract suite for gateway applications, over HTTP/1.1 and a unix socket.
import { contract } from './behaviour.contract.js'
import { gatewayRow } from './row.js'

contract(gatewayRow('http', { transport: 'unix' }))
