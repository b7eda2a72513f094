// A certificate for "localhost" that signs itself, as little of X.509 as a TLS server needs (RFC 5280
// §4.1, version 1). For tests: nobody should trust it.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

const OID_ECDSA_SHA256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]
const OID_COMMON_NAME = [0x55, 0x04, 0x03]

/** Certificate and key, both as PEM. */
export function selfSigned(): { certificate: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const unsigned = toBeSigned(publicKey)
  const signature = sign('sha256', unsigned, privateKey)
  const der = sequence(unsigned, ALGORITHM, tagged(0x03, Buffer.of(0), signature))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** DER: tag, length, content (X.690 §8.1). */
function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.of(tag, ...size), content])
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, ...parts)
}

const ALGORITHM = sequence(tagged(0x06, Buffer.from(OID_ECDSA_SHA256)))

function toBeSigned(publicKey: KeyObject): Buffer {
  const serial = tagged(0x02, Buffer.of(1))
  const commonName = [tagged(0x06, Buffer.from(OID_COMMON_NAME)), tagged(0x0c, text('localhost'))]
  const name = sequence(tagged(0x31, sequence(...commonName)))
  const validity = sequence(
    tagged(0x17, text('200101000000Z')),
    tagged(0x17, text('491231235959Z')),
  )
  const key = publicKey.export({ type: 'spki', format: 'der' })
  return sequence(serial, ALGORITHM, name, validity, name, key)
}

function text(value: string): Buffer {
  return Buffer.from(value, 'latin1')
}
