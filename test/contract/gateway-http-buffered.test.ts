// The contract suite for gateway applications, over HTTP/1.1, with the whole body read before they are called.
import { contract } from './behaviour.contract.js'
import { gatewayRow } from './row.js'

contract(gatewayRow('http', { postBuffering: 8 }))
