// The public API, and nothing else.
export type { Address } from './config/address.js'
export type { Config, ConfigOptions } from './config/config-options.js'
export { ConfigError, EXIT, GatewayError, StartError } from './errors.js'
export type { GatewayInput } from './gateway/input.js'
export type {
  Block,
  Environ,
  ErrorStream,
  FileLike,
  GatewayApp,
  HeaderPair,
  ResponseBody,
  StartResponse,
  Write,
} from './gateway/types.js'
export { validate } from './gateway/validate.js'
export { type RunningServer, type ServeOptions, serve } from './server/serve.js'
export type { Listener } from './server/sockets.js'
export { VERSION } from './version.js'
