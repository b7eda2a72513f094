// The contract suite for gateway applications, over uwsgi, with the whole body read before they are called.
import { contract } from './behaviour.contract.js'
import { gatewayRow } from './row.js'

contract(gatewayRow('uwsgi', { postBuffering: 8 }))
