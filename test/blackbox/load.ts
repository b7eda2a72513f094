// A constant load from clients that notice everything: keep-alive connections that are used without a
// pause, and a new connection for each request. Every request that does not end well is kept.
import { Agent, type AgentOptions, request } from 'node:http'
import type { Where } from './raw-client.js'

export class Load {
  /** What went wrong, one entry a request. */
  readonly failures: string[] = []
  /** Bodies that came, and how often. */
  readonly bodies = new Map<string, number>()
  requests = 0
  private running = true
  private readonly loops: Promise<void>[] = []
  private readonly where: Where
  private readonly path: string
  private readonly status: number

  /** @param status of an answer that is right */
  constructor(where: Where, { clients = 4, path = '/', status = 200 } = {}) {
    this.where = where
    this.path = path
    this.status = status
    for (let i = 0; i < clients; i++) {
      this.loops.push(this.loop({ keepAlive: true, maxSockets: 1 }))
      this.loops.push(this.loop({ keepAlive: false, maxSockets: 1 }))
    }
  }

  /** Resolves when `count` more requests have ended. */
  async passes(count: number): Promise<void> {
    const wanted = this.requests + count
    while (this.requests < wanted) await new Promise((next) => setImmediate(next))
  }

  async stop(): Promise<void> {
    this.running = false
    await Promise.all(this.loops)
  }

  private async loop(options: AgentOptions): Promise<void> {
    const agent = new Agent(options)
    while (this.running) {
      try {
        const { status, body } = await this.once(agent)
        if (status !== this.status) this.failures.push(`${status} ${body}`)
        this.bodies.set(body, (this.bodies.get(body) ?? 0) + 1)
      } catch (error) {
        this.failures.push(String(error))
      }
      this.requests++
    }
    agent.destroy()
  }

  private once(agent: Agent): Promise<{ status: number | undefined; body: string }> {
    const { where } = this
    const target = 'path' in where ? { socketPath: where.path } : where
    return new Promise((done, fail) => {
      const sent = request({ ...target, path: this.path, agent }, (response) => {
        let body = ''
        response.setEncoding('latin1')
        response.on('data', (text: string) => (body += text))
        response.on('end', () => done({ status: response.statusCode, body }))
        response.on('error', fail)
      })
      sent.on('error', fail)
      sent.end()
    })
  }
}
