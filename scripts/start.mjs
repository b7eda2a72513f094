// `npm start`: sets up what is stale and serves the hello application, over HTTP and over uwsgi for
// the nginx configuration in nginx/. Arguments behind `--` go to postern instead.
//
// The server runs in this process: one more between it and the terminal would pass on a Ctrl-C that
// it has already had.
import { join } from 'node:path'
import { root, say } from './lib.mjs'
import { setUp } from './setup.mjs'

const TEMPORARY = 111

function helloArguments() {
  const host = process.env.HOST || '127.0.0.1'
  const port = process.env.PORT || '8000'
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const uwsgi = ['/tmp/postern.sock', '127.0.0.1:3031'].flatMap((name) => ['--socket', name])
  // An nginx that root has started works as another user, who may connect to a socket that he may write.
  const mode = ['--chmod-socket', '666']
  return ['examples/hello/app.ts', '--http-socket', address, ...uwsgi, ...mode]
}

setUp()
const given = process.argv.slice(2)
process.chdir(root)
process.argv = [process.argv[0], join(root, 'dist/cli/main.js')]
process.argv.push(...(given.length > 0 ? given : helloArguments()))
process.on('exit', (code) => {
  if (code === TEMPORARY) say('another port: PORT=8001 npm start; your own: npm start -- APP …')
})
await import('../dist/cli/main.js')
