import { createPublicKey, createSecretKey } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
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
  let keys: KeyObject[] = []
  let reported = ''
  let timer: NodeJS.Timeout | undefined

  async function poll (): Promise<void> {
    let seconds = 0
    try {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(10_000)])
      const response = await fetch(url, { signal })
      if (!response.ok) throw new Error(`Non-2xx response on fetching JWK from: ${url}`)
      keys = readKeys(await response.text())
      seconds = freshnessOf(response.headers)
      reported = ''
    } catch (error) {
      const problem = String(error)
      if (!closing.signal.aborted && problem !== reported) report(`${url}: ${problem}`)
      reported = problem
    }
    if (closing.signal.aborted) return
    // A timer cannot be longer than 24 days.
    timer = setTimeout(() => { void poll() }, Math.min(Math.max(seconds, 1) * 1000, 2 ** 31 - 1)).unref()
  }
  void poll()

  return {
    keys: () => keys,
    close () {
      closing.abort()
      clearTimeout(timer)
    }
  }
}
