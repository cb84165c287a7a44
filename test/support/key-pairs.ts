import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

export interface Pair { publicKey: KeyObject, privateKey: KeyObject }

const curves: Record<string, string> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

/** A new key pair for one of Hasura's types. */
export function pairFor (type: string): Pair {
  const namedCurve = curves[type]
  if (namedCurve !== undefined) return generateKeyPairSync('ec', { namedCurve })
  return type === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('rsa', { modulusLength: 2048 })
}

export function publicPem ({ publicKey }: Pair): string {
  return publicKey.export({ type: 'spki', format: 'pem' }).toString()
}

export function privatePem ({ privateKey }: Pair): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** An X.509 certificate of an Ed25519 key, valid for a hundred years, and its private key. */
export const certificate = {
  pem: [
    '-----BEGIN CERTIFICATE-----',
    'MIIBNDCB56ADAgECAhR7C32rShAuvu1YPzGifQQkzxq3kjAFBgMrZXAwDzENMAsG',
    'A1UEAwwEdGVzdDAgFw0yNjExMjQwMzI3MzBaGA8yMTI2MTAzMTAzMjczMFowDzEN',
    'MAsGA1UEAwwEdGVzdDAqMAUGAytlcAMhADo/FOXNLYn/Us85DUV56IjaWe7BrcVi',
    'nQwR9xcLlASpo1MwUTAdBgNVHQ4EFgQUjSd8Y1+sbIVyaw6V/pAi9hpRxmAwHwYD',
    'VR0jBBgwFoAUjSd8Y1+sbIVyaw6V/pAi9hpRxmAwDwYDVR0TAQH/BAUwAwEB/zAF',
    'BgMrZXADQQAMbA4ro5/Z0KEQBhd+JZ0ibLKqV0HaKU3FZ6Ip/Do0U4w3zrzCM6HZ',
    'Pdq79FHPRkgg/iVlCDw8U+rKb1DaAWkH',
    '-----END CERTIFICATE-----'
  ].join('\n'),
  privatePem: [
    '-----BEGIN PRIVATE KEY-----',
    'MC4CAQAwBQYDK2VwBCIEIMYhj+USTOe4fa8Xp9fCiFJRlSt1pIma7HB/rNUx4Mfv',
    '-----END PRIVATE KEY-----'
  ].join('\n')
}
