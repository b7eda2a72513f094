// The contract suite for gateway applications, over uwsgi and a unix socket.
import { contract } from './behaviour.contract.js'
import { gatewayRow } from './row.js'

contract(gatewayRow('uwsgi', { transport: 'unix' }))
