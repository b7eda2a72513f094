// What an idle keep-alive connection costs: resident memory of the server before and after 10,000
// of them have each made one request. Kernel memory of the sockets is not in it, for any server.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'

function residentKiB(pid) {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
}

/** One connection that has had its answer. Several local addresses: one has 28,000 ports only. */
async function idle(port, i) {
  const socket = connect({ host: '127.0.0.1', port, localAddress: `127.0.0.${2 + (i % 8)}` })
  await once(socket, 'connect')
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(socket, 'data')
  return socket
}

/** Bytes of resident memory for each of `count` idle connections. */
export async function idleBytes(server, count) {
  const sockets = []
  // A first thousand pays for what is made once: tables, compiled code, the heap's own growth.
  const warm = 1000
  const open = async (until) => {
    while (sockets.length < until) {
      const some = Array.from({ length: 100 }, (_, i) => idle(server.port, sockets.length + i))
      sockets.push(...(await Promise.all(some)))
    }
  }
  await open(warm)
  const before = residentKiB(server.pid)
  await open(warm + count)
  const after = residentKiB(server.pid)
  for (const socket of sockets) socket.destroy()
  return ((after - before) * 1024) / count
}
