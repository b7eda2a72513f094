// `npm start`: sets up what is stale and serves the hello application, over HTTP and over uwsgi for
// the nginx configuration in nginx/. Arguments behind `--` go to postern instead.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root } from './lib.mjs'
import { setUp } from './setup.mjs'

setUp()
const host = process.env.HOST || '127.0.0.1'
const port = process.env.PORT || '8000'
const given = process.argv.slice(2)
const args =
  given.length > 0
    ? given
    : [
        'examples/hello/app.ts',
        '--http-socket',
        `${host.includes(':') ? `[${host}]` : host}:${port}`,
        '--socket',
        '/tmp/postern.sock',
        // An nginx that root has started works as somebody else. This opens no more than the port does.
        '--chmod-socket',
        '666',
        '--socket',
        '127.0.0.1:3031',
      ]
const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
  cwd: root,
  stdio: 'inherit',
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(signal === null ? code : 1))
