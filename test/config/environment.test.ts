// POSTERN_ and UWSGI_ variables → settings, and what is passed over.
import { describe, expect, test } from 'vitest'
import { readEnvironment } from '../../src/config/environment.js'

const settings = (env: NodeJS.ProcessEnv) =>
  readEnvironment(env).settings.map(({ name, value, place }) => [name, value, place])

describe('a variable', () => {
  test('sets the option of its name, by alias too, and says so', () => {
    expect(settings({ POSTERN_HTTP_SOCKET: ':1', UWSGI_WORKERS: '3', PATH: '/bin' })).toEqual([
      ['http-socket', ':1', 'POSTERN_HTTP_SOCKET'],
      ['processes', '3', 'UWSGI_WORKERS'],
    ])
  })

  test('of POSTERN_ stands in the place of the same one of UWSGI_', () => {
    const both = { UWSGI_SOCKET: ':1', POSTERN_SOCKET: ':2', UWSGI_LISTEN: '5' }
    expect(settings(both).map(([, , place]) => place)).toEqual(['POSTERN_SOCKET', 'UWSGI_LISTEN'])
    const aliases = { POSTERN_PROCESSES: '2', UWSGI_WORKERS: '3' }
    expect(settings(aliases)).toEqual([['processes', '2', 'POSTERN_PROCESSES']])
    expect(settings({ ...both, POSTERN_SOCKET: '' })).toContainEqual([
      'socket',
      ':1',
      'UWSGI_SOCKET',
    ])
  })

  test('that is empty is not set', () => {
    expect(settings({ POSTERN_LISTEN: '', UWSGI_LISTEN: '' })).toEqual([])
  })

  test('names configuration files', () => {
    expect(readEnvironment({ UWSGI_INI: 'a.ini', POSTERN_CONFIG: 'b.toml' }).files).toEqual([
      { path: 'a.ini', kind: 'ini' },
      { path: 'b.toml', kind: 'config' },
    ])
  })

  test('of uWSGI that does nothing is accepted', () => {
    expect(
      readEnvironment({ UWSGI_THUNDER_LOCK: '1', UWSGI_CHEAPER_ALGO: 'x' }).accepted,
    ).toContain('thunder-lock')
  })
})

describe('what is no option', () => {
  test('is ignored for UWSGI_, which has others, and for what asks something', () => {
    expect(readEnvironment({ UWSGI_EMPEROR_FD: '5', UWSGI_LISTN: '5', POSTERN_HELP: '1' })).toEqual(
      { settings: [], files: [], accepted: [], unknown: [] },
    )
  })

  test('is reported for POSTERN_, but not what is ours or of Kubernetes', () => {
    const env = {
      POSTERN_ADDON: 'x.node',
      POSTERN_TEST_MARK: 'x',
      POSTERN_SERVICE_HOST: '10.0.0.1',
      POSTERN_WEB_SERVICE_PORT: '80',
      POSTERN_PORT: 'tcp://10.0.0.1:80',
      POSTERN_PORT_80_TCP_PROTO: 'tcp',
      POSTERN_HTTP_PORT: 'tcp://10.0.0.1:80',
      POSTERN_HTTP_SERVICE_PORT_WEB: '80',
      POSTERN_COMPLETELY_DIFFERENT: 'x',
    }
    expect(readEnvironment(env)).toEqual({
      settings: [],
      files: [],
      accepted: [],
      unknown: ['POSTERN_COMPLETELY_DIFFERENT'],
    })
  })

  test('is an error when it is nearly an option', () => {
    expect(() => readEnvironment({ POSTERN_PORT: '8000' })).toThrow(
      'POSTERN_PORT: no option is called so: did you mean POSTERN_HTTP_SOCKET?',
    )
    expect(() => readEnvironment({ POSTERN_HTTP_SOCKT: ':1' })).toThrow(
      'POSTERN_HTTP_SOCKT: no option is called so: did you mean POSTERN_HTTP_SOCKET?',
    )
  })
})
