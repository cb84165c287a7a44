import fc from 'fast-check'
import t from 'tap'
import { createKeyRing } from '../../src/jwt/key-ring.ts'
import type { RingKey } from '../../src/jwt/key-ring.ts'

const key = (kid: string, start = -Infinity): RingKey => ({ kid, start })

/** A ring that waits 10 before a key signs and 100 after it. `at` returns the signing key and the published keys. */
function ringOf (...first: [RingKey, ...RingKey[]]) {
  const ring = createKeyRing(first, 10, 100)
  const at = (now: number): [string, string] => [ring.signing(now).kid, ring.published(now).map(({ kid }) => kid).join('')]
  return { replace: ring.replace, at }
}

t.test('while the keys do not change, only the time decides which key signs and which are published', async (t) => {
  const { at } = ringOf(key('a'), key('b', 1000), key('c', 2000))
  t.strictSame(at(999), ['a', 'abc'])
  t.strictSame(at(1000), ['b', 'abc'])
  t.strictSame(at(1099), ['b', 'abc'])
  t.strictSame(at(1100), ['b', 'bc'])
  t.strictSame(at(2099), ['c', 'bc'])
  t.strictSame(at(2100), ['c', 'c'])
})

t.test('a new key is published first, and signs from its time on, when verifiers had the time to fetch it', async (t) => {
  const { replace, at } = ringOf(key('a'))
  replace([key('a'), key('b', 500)], 1000)
  t.strictSame(at(1009), ['a', 'ab'], 'it waits, although its start is in the past')
  t.strictSame(at(1010), ['b', 'ab'])
  t.strictSame(at(1109), ['b', 'ab'])
  t.strictSame(at(1110), ['b', 'b'])
  replace([key('b', 500), key('c', 1300)], 1250)
  t.strictSame(at(1299), ['b', 'bc'], 'it waits for a start in the future')
  replace([key('b', 500), key('c', 2000)], 1260)
  t.strictSame(at(1999), ['b', 'bc'], 'which can be postponed')
  replace([key('b', 500)], 1270)
  t.strictSame(at(1270), ['b', 'b'], 'and cancelled')
  replace([key('b', 500), key('c', 1275)], 1272)
  t.strictSame(at(1281), ['b', 'bc'], 'and then waits again')
  t.strictSame(at(1282), ['c', 'bc'])
  replace([key('f'), key('g', 5)], 3000)
  t.strictSame(at(3009), ['c', 'cfg'], 'two keys at once wait')
  t.strictSame(at(3010), ['g', 'cfg'], 'then the newer one signs')
})

t.test('a new key with an older start does not replace a newer one', async (t) => {
  const { replace, at } = ringOf(key('b', 500))
  replace([key('o', 400), key('b', 500)], 1200)
  t.strictSame(at(1211), ['b', 'b'], 'and is not published')
  replace([key('b', 500), key('c', 1300)], 1250)
  replace([key('b', 500), key('o', 600), key('c', 1300)], 1295)
  t.strictSame(at(1299), ['b', 'boc'])
  t.strictSame(at(1305), ['c', 'boc'], 'although verifiers have it only after the newer one has started')
})

t.test('a removed key signs until another one may, and stays published until its tokens have expired', async (t) => {
  const { replace, at } = ringOf(key('b'))
  replace([key('d')], 2000)
  t.strictSame(at(2009), ['b', 'bd'], 'the only one is replaced')
  replace([key('e')], 2005)
  t.strictSame(at(2014), ['b', 'be'], 'it is replaced again before that time: the first one still signs')
  t.strictSame(at(2015), ['e', 'be'])
  t.strictSame(at(2114), ['e', 'be'])
  t.strictSame(at(2115), ['e', 'e'])
  replace([key('b')], 2110)
  t.strictSame(at(2110), ['b', 'be'], 'a key that is still published does not wait')
  replace([], 2300)
  t.strictSame(at(9999), ['b', 'b'], 'it stays if there is no other')
})

t.test('the newest key still signs if its file is missing for a moment, and older keys are not published again', async (t) => {
  const { replace, at } = ringOf(key('a'), key('b', 500))
  t.strictSame(at(1000), ['b', 'b'])
  replace([key('a')], 1000)
  t.strictSame(at(1000), ['b', 'ba'])
  replace([key('a'), key('b', 500)], 1002)
  t.strictSame(at(1002), ['b', 'b'], 'it is back')
  replace([key('a')], 1020)
  t.strictSame(at(1029), ['b', 'ba'])
  t.strictSame(at(1030), ['a', 'ba'], 'it is missing for longer: the previous key signs')
  replace([key('a'), key('b', 500)], 1040)
  t.strictSame(at(1139), ['b', 'ab'], 'and stays published until its tokens have expired')
  t.strictSame(at(1140), ['b', 'b'])
})

t.test('a key with valid tokens stays published when the next one is given an earlier time', async (t) => {
  const { replace, at } = ringOf(key('a'), key('b', 2000))
  replace([key('a'), key('b', 100)], 1000)
  t.strictSame(at(1000), ['b', 'ab'], 'verifiers have it already')
  t.strictSame(at(1099), ['b', 'ab'])
  t.strictSame(at(1100), ['b', 'b'])
})

t.test('a key also signs if the clock is set back to a time before all keys', async (t) => {
  const { replace, at } = ringOf(key('a', 500))
  t.strictSame(at(400), ['a', 'a'])
  replace([key('a', 500), key('b', 600)], 700)
  t.strictSame(at(400), ['a', 'ab'])
  replace([key('b', 600), key('c', 900)], 850)
  t.strictSame(at(400), ['b', 'bc'], 'the key that signed last')
})

t.test('no sequence of changes makes a key sign before verifiers have it, or leave while its tokens are valid', async (t) => {
  const [beforeMs, afterMs] = [5, 20]
  const kids = ['a', 'b', 'c', 'd']
  const folder = fc.uniqueArray(fc.record({
    kid: fc.constantFrom(...kids), start: fc.oneof(fc.constant(-Infinity), fc.integer({ min: -40, max: 120 }))
  }), { selector: ({ kid }) => kid, maxLength: 4 }).map(keys => keys.sort((a, b) => a.start < b.start ? -1 : 1))
  const changes = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 40 }), next: folder }), { maxLength: 6 })

  const property = fc.property(folder, changes, (others, changes) => {
    const first: [RingKey, ...RingKey[]] = [key('z'), ...others]
    const ring = createKeyRing(first, beforeMs, afterMs)
    const lastSigned = new Map<string, number>()
    const kidsAt = (now: number): string[] => ring.published(now).map(({ kid }) => kid)
    const known = new Map(kidsAt(0).map(kid => [kid, -Infinity]))
    const look = (now: number): void => {
      const published = kidsAt(now)
      for (const kid of known.keys()) if (!published.includes(kid)) known.delete(kid)
      for (const kid of published) if (!known.has(kid)) known.set(kid, now + beforeMs)
      for (const [kid, time] of lastSigned) {
        if (now < time + afterMs && !published.includes(kid)) throw new Error(`${kid} signed at ${time} and is not published at ${now}`)
      }
      if (new Set(published).size < published.length) throw new Error(`a key is published twice at ${now}`)
    }
    const sign = (now: number): string => {
      const { kid } = ring.signing(now)
      if ((known.get(kid) ?? Infinity) > now) throw new Error(`${kid} signs at ${now}, before verifiers have it`)
      lastSigned.set(kid, now)
      return kid
    }
    let now = 0
    const pass = (time: number): void => {
      for (const end = now + time; now < end; now++) {
        look(now)
        sign(now)
      }
      look(now)
    }
    let files: RingKey[] = first
    for (const { wait, next } of changes) {
      pass(wait)
      ring.replace(next, now)
      files = next
    }
    pass(beforeMs + afterMs)
    // By now only the files decide, as on every other replica.
    const signing = files.findLast(({ start }) => start <= now)
    if (signing !== undefined && sign(now) !== signing.kid) throw new Error(`${signing.kid} should sign at ${now}`)
  })
  t.doesNotThrow(() => { fc.assert(property, { numRuns: 1000 }) })
})
