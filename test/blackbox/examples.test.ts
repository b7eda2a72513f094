// Every folder of examples/ does what the comment at its head says: the command there starts it, and
// each curl line gets the answer that stands behind it. (Their types are checked with those of the tests.)
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ROOT, start } from './postern.js'

const run = promisify(execFile)

interface Example {
  /** "npx postern examples/hello/app.ts" */
  readonly command: string
  readonly questions: readonly { readonly curl: string; readonly answer: string }[]
}

const FOLDERS = readdirSync(join(ROOT, 'examples'))

/** What the comment at the head of an example says. */
function readExample(folder: string): Example {
  const [file, ...more] = readdirSync(join(ROOT, 'examples', folder))
  expect(more, 'one file each').toEqual([])
  const text = readFileSync(join(ROOT, 'examples', folder, file), 'utf8')
  const lines = text.split('\n').flatMap((line) => /^(?:\/\/|;) {3}(\S.*)$/.exec(line)?.[1] ?? [])
  const [command, ...curls] = lines
  expect(command).toMatch(new RegExp(`^(npx postern|node) examples/${folder}/${file}$`))
  const questions = curls.map((line) => {
    const [curl, answer = ''] = line.split(/ +# /)
    return { curl, answer }
  })
  return { command, questions }
}

/** Starts it on a port of the system; returns the port and what ends it. */
async function startExample(
  command: string,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const [runner, ...args] = command.replace(/^npx postern/, 'postern').split(' ')
  if (runner === 'postern') {
    const postern = await start(args, { dir: ROOT, env: { PORT: '0' } })
    onTestFinished(() => postern.kill())
    const port = Number(postern.address().split(':')[1])
    return { port, stop: () => postern.stop({ allow: [/ has left, 0 are watching$/] }) }
  }
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, PORT: '0' } })
  onTestFinished(() => void child.kill('SIGKILL'))
  return { port: await portOf(child), stop: () => stopChild(child) }
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = ''
    child.stderr?.on('data', (bytes) => {
      output += bytes
    })
    child.stdout?.on('data', (bytes) => {
      output += bytes
      const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1]
      if (port !== undefined) resolve(Number(port))
    })
    child.on('close', () => reject(new Error(`ended: ${output}`)))
  })
}

function stopChild(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`exit code ${code}`))))
    child.kill('SIGTERM')
  })
}

describe.each(FOLDERS)('examples/%s', (folder) => {
  test('starts and answers as its comment says', async () => {
    const { command, questions } = readExample(folder)
    expect(questions.length).toBeGreaterThan(0)
    const { port, stop } = await startExample(command)
    for (const { curl, answer } of questions) {
      expect(curl).toContain('http://127.0.0.1:8000/')
      const line = curl
        .replace('127.0.0.1:8000', `127.0.0.1:${port}`)
        .replace('curl', 'curl -sSm 10')
      const { stdout, stderr } = await run('/bin/sh', ['-c', line], { cwd: ROOT })
      expect(stdout).not.toBe('')
      expect(stdout.startsWith(answer), `${curl}: ${stdout}`).toBe(true)
      // Of `| head`, which closes the pipe when it has enough.
      expect(stderr.replace(/^curl: \(23\) .*\n/, '')).toBe('')
    }
    await stop()
  })
})
