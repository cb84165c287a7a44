import { createPublicKey, createSecretKey } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'
import { z } from 'zod'

/** One unknown key type or algorithm, or one certificate of another key, fails the whole set. */
const schema = z.object({
  keys: z.array(z.looseObject({
    kty: z.string(),
    alg: z.string().regex(/^(?:[HRPE]S(?:256|384|512)|ES256K|EdDSA)$/).optional(),
    x5c: z.undefined('the sandbox does not support x5c').optional()
  }))
})

function readKeys (body: string): KeyObject[] {
  return schema.parse(JSON.parse(body)).keys.map((jwk) => {
    if (jwk.kty === 'oct') return createSecretKey(String(jwk['k']), 'base64url')
    return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  })
}

/**
 * Returns for how many seconds an answer is fresh. Without a lifetime it is 0, as in recent versions of Hasura. Hasura
 * also reads `Expires`.
 */
export function freshnessOf (headers: Headers): number {
  const cacheControl = headers.get('cache-control') ?? ''
  if (/no-cache|no-store/i.test(cacheControl)) return 0
  return Number(/max-?age="?(\d+)/i.exec(cacheControl)?.[1] ?? 0)
}

/**
 * Polls the keys at a `jwk_url` as Hasura does: when the answer is no longer fresh, and every second after a failure or
 * an answer without a lifetime.
 *
 * @param report - receives each new problem once
 */
export function pollKeys (
  url: string, report: (problem: string) => void
): { keys: () => KeyObject[], close: () => void } {
  const closing = new AbortController()
  const { signal } = closing
  let keys: KeyObject[] = []
  let reported = ''

  async function fetchKeys (): Promise<number> {
    try {
      const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) })
      if (!response.ok) throw new Error(`Non-2xx response on fetching JWK from: ${url}`)
      keys = readKeys(await response.text())
      reported = ''
      return freshnessOf(response.headers)
    } catch (error) {
      const problem = String(error)
      if (!signal.aborted && problem !== reported) report(`${url}: ${problem}`)
      reported = problem
      return 0
    }
  }
  async function poll (): Promise<void> {
    while (!signal.aborted) {
      const seconds = Math.max(await fetchKeys(), 1)
      // A timer cannot be longer than 24 days.
      const wait = after(Math.min(seconds * 1000, 2 ** 31 - 1), undefined, { signal, ref: false })
      await wait.catch(() => { /* The signal ended the polling. */ })
    }
  }
  void poll()
  return { keys: () => keys, close: () => { closing.abort() } }
}
