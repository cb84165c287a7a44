import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Refuse } from './key-type.ts'

/** What Hasura reads: SubjectPublicKeyInfo, PKCS#1 and X.509. */
const publicLabels = ['PUBLIC KEY', 'RSA PUBLIC KEY', 'CERTIFICATE']

/** PKCS#8, PKCS#1 and SEC 1. */
const privateLabels = ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY']

/** RFC 7468, section 2: text outside of the blocks means nothing. */
function blocksOf (pem: string): Array<{ label: string, text: string }> {
  const blocks = pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g)
  return Array.from(blocks, ([text, label = '']) => ({ label, text }))
}

/**
 * Reads the public key of a configuration as Hasura does, by its first PEM block alone.
 *
 * @throws through `refuse`, also where it is a private key: Node would take the public half of one without a word
 */
export function readPublicKey (pem: string, refuse: Refuse): KeyObject {
  const [first] = blocksOf(pem)
  if (first === undefined) return refuse('holds no PEM block: it must be a public key or an X.509 certificate in PEM')
  if (first.label.endsWith('PRIVATE KEY')) {
    refuse('holds a private key, which Hasura refuses: it belongs into JWT_PRIVATE_KEY, and its public half here')
  }
  if (!publicLabels.includes(first.label)) {
    refuse(`begins with a PEM block "${first.label}": Hasura looks at the first block, and wants one of ${publicLabels.join(', ')}`)
  }
  try {
    return createPublicKey(first.text)
  } catch {
    return refuse(`holds a PEM block "${first.label}" that cannot be decoded`)
  }
}

/**
 * Reads the one private key of a PEM; parameters or certificates may stand beside it.
 *
 * @throws through `refuse`, which is told nothing of the content
 */
export function readPrivateKey (pem: string, refuse: Refuse): KeyObject {
  const blocks = blocksOf(pem).filter(({ label }) => label.endsWith('PRIVATE KEY'))
  const [first] = blocks
  if (first === undefined) return refuse('holds no private key: it must be one in PEM (PKCS#8, PKCS#1 or SEC 1)')
  if (blocks.length > 1) refuse('holds more than one private key: each needs a PEM file of its own')
  if (first.label === 'ENCRYPTED PRIVATE KEY' || first.text.includes('Proc-Type: 4,ENCRYPTED')) {
    refuse('holds an encrypted private key: decrypt it with `openssl pkey`, and let the secret store guard it')
  }
  if (!privateLabels.includes(first.label)) {
    refuse(`holds a PEM block "${first.label}": it must be one of ${privateLabels.join(', ')}`)
  }
  try {
    return createPrivateKey(first.text)
  } catch {
    return refuse('holds a private key that cannot be decoded')
  }
}
