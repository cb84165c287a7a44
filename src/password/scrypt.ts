import { timingSafeEqual } from 'node:crypto'
import type { VerifyPassword } from './stored-hash.ts'
import { onThread } from './threads.ts'

/** The PHC string format: `ln` is the logarithm of the cost, salt and hash are base64 without padding. */
const format = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/]{11,86})\$([\w+/]{22,86})$/

/** scrypt (RFC 7914) in PHC form, up to ln = 17, r = 8 and p = 4. */
export function readScrypt (storedHash: string): VerifyPassword | undefined {
  const [, ln, r, p, salt = '', hash = ''] = format.exec(storedHash) ?? []
  const parameters = { N: 2 ** Number(ln), r: Number(r), p: Number(p) }
  const isCheapEnough = Number(ln) >= 1 && Number(ln) <= 17 && parameters.r <= 8 && parameters.p <= 4
  if (!isCheapEnough || parameters.r < 1 || parameters.p < 1) return undefined
  const expected = Buffer.from(hash, 'base64')
  // 128 × N × r bytes, and as much again for p: twice the most that the bounds allow.
  const maxmem = 268_435_456
  return async (password) => {
    const options = { ...parameters, maxmem }
    const derived = await onThread('scrypt', password, Buffer.from(salt, 'base64'), expected.length, options)
    return timingSafeEqual(derived, expected)
  }
}
