import fc from 'fast-check'
import t from 'tap'
import { createKeyRing, timeline } from '../../src/jwt/key-ring.ts'
import type { RingKey } from '../../src/jwt/key-ring.ts'

const key = (kid: string, start = -Infinity): RingKey => ({ kid, start })

/** A ring with spans of 10 and 100, and a shorthand that says which key signs and which are published. */
function ringOf (...first: [RingKey, ...RingKey[]]) {
  const ring = createKeyRing(first, { lead: 10, tail: 100 })
  const at = (now: number): [string, string] => [ring.signing(now).kid, ring.published(now).map(({ kid }) => kid).join('')]
  return { replace: ring.replace, at }
}

t.test('which key signs and which are published depends on the time alone', async (t) => {
  const keys = [key('a'), key('b', 1000), key('c', 2000)]
  const at = (now: number): unknown[] => {
    const { signing, published, expired } = timeline(keys, now, 100)
    return [signing?.kid, published.map(({ kid }) => kid).join(''), expired.map(({ kid }) => kid).join('')]
  }
  t.strictSame(at(999), ['a', 'abc', ''])
  t.strictSame(at(1000), ['b', 'abc', ''])
  t.strictSame(at(1099), ['b', 'abc', ''])
  t.strictSame(at(1100), ['b', 'bc', 'a'])
  t.strictSame(at(2099), ['c', 'bc', 'a'])
  t.strictSame(at(2100), ['c', 'c', 'ab'])
})

t.test('a key that comes is published first, and signs when its time has come and it can be known', async (t) => {
  const { replace, at } = ringOf(key('a'))
  replace([key('a'), key('b', 500)], 1000)
  t.strictSame(at(1009), ['a', 'ab'], 'a start in the past waits')
  t.strictSame(at(1010), ['b', 'ab'])
  t.strictSame(at(1109), ['b', 'ab'])
  t.strictSame(at(1110), ['b', 'b'])
  replace([key('b', 500), key('c', 1300)], 1250)
  t.strictSame(at(1299), ['b', 'bc'], 'a start in the future is kept')
  replace([key('b', 500), key('c', 2000)], 1260)
  t.strictSame(at(1999), ['b', 'bc'], 'and can be put off')
  replace([key('b', 500)], 1270)
  t.strictSame(at(1270), ['b', 'b'], 'and taken back')
  replace([key('b', 500), key('c', 1275)], 1272)
  t.strictSame(at(1281), ['b', 'bc'], 'then it waits anew')
  t.strictSame(at(1282), ['c', 'bc'])
  replace([key('f'), key('g', 5)], 3000)
  t.strictSame(at(3009), ['c', 'cfg'], 'of two at once')
  t.strictSame(at(3010), ['g', 'cfg'], 'the newer one signs')
})

t.test('an older key that comes does not sign in the place of a newer one', async (t) => {
  const { replace, at } = ringOf(key('b', 500))
  replace([key('o', 400), key('b', 500)], 1200)
  t.strictSame(at(1211), ['b', 'b'], 'nor is it published')
  replace([key('b', 500), key('c', 1300)], 1250)
  replace([key('b', 500), key('o', 600), key('c', 1300)], 1295)
  t.strictSame(at(1299), ['b', 'boc'])
  t.strictSame(at(1305), ['c', 'boc'], 'although it can be known only after the newer one has begun')
})

t.test('a key that is taken away signs until another may, and stays published until its tokens have expired', async (t) => {
  const { replace, at } = ringOf(key('b'))
  replace([key('d')], 2000)
  t.strictSame(at(2009), ['b', 'bd'], 'the only one is replaced')
  replace([key('e')], 2005)
  t.strictSame(at(2014), ['b', 'be'], 'and replaced again before its time: the first signs on')
  t.strictSame(at(2015), ['e', 'be'])
  t.strictSame(at(2114), ['e', 'be'])
  t.strictSame(at(2115), ['e', 'e'])
  replace([key('b')], 2110)
  t.strictSame(at(2110), ['b', 'be'], 'one that is still published need not wait')
  replace([], 2300)
  t.strictSame(at(9999), ['b', 'b'], 'without any other it stays')
})

t.test('a newest key that is away for a while goes on signing: those before it are published no more', async (t) => {
  const { replace, at } = ringOf(key('a'), key('b', 500))
  t.strictSame(at(1000), ['b', 'b'])
  replace([key('a')], 1000)
  t.strictSame(at(1000), ['b', 'ba'])
  replace([key('a'), key('b', 500)], 1002)
  t.strictSame(at(1002), ['b', 'b'], 'it is back')
  replace([key('a')], 1020)
  t.strictSame(at(1029), ['b', 'ba'])
  t.strictSame(at(1030), ['a', 'ba'], 'it is away for longer: the one before it signs')
  replace([key('a'), key('b', 500)], 1040)
  t.strictSame(at(1139), ['b', 'ab'], 'and is published for as long as its tokens are out')
  t.strictSame(at(1140), ['b', 'b'])
})

t.test('a key with tokens out stays published when another is given an earlier time', async (t) => {
  const { replace, at } = ringOf(key('a'), key('b', 2000))
  replace([key('a'), key('b', 100)], 1000)
  t.strictSame(at(1000), ['b', 'ab'], 'it has been known')
  t.strictSame(at(1099), ['b', 'ab'])
  t.strictSame(at(1100), ['b', 'b'])
})

t.test('a clock that is set back to a time before every key finds a key that signs', async (t) => {
  const { replace, at } = ringOf(key('a', 500))
  t.strictSame(at(400), ['a', 'a'])
  replace([key('a', 500), key('b', 600)], 700)
  t.strictSame(at(400), ['a', 'ab'])
  replace([key('b', 600), key('c', 900)], 850)
  t.strictSame(at(400), ['b', 'bc'], 'the last one that signed')
})

t.test('whatever comes and goes, no key signs before it can be known, or goes with tokens out', async (t) => {
  const [lead, tail] = [5, 20]
  const kids = ['a', 'b', 'c', 'd']
  const folder = fc.uniqueArray(fc.record({
    kid: fc.constantFrom(...kids), start: fc.oneof(fc.constant(-Infinity), fc.integer({ min: -40, max: 120 }))
  }), { selector: ({ kid }) => kid, maxLength: 4 }).map(keys => keys.sort((a, b) => a.start < b.start ? -1 : 1))
  const changes = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 40 }), next: folder }), { maxLength: 6 })

  const property = fc.property(folder, changes, (others, changes) => {
    const first: [RingKey, ...RingKey[]] = [key('z'), ...others]
    const ring = createKeyRing(first, { lead, tail })
    const lastSigned = new Map<string, number>()
    const kidsAt = (now: number): string[] => ring.published(now).map(({ kid }) => kid)
    const known = new Map(kidsAt(0).map(kid => [kid, -Infinity]))
    const look = (now: number): void => {
      const published = kidsAt(now)
      for (const kid of known.keys()) if (!published.includes(kid)) known.delete(kid)
      for (const kid of published) if (!known.has(kid)) known.set(kid, now + lead)
      for (const [kid, time] of lastSigned) {
        if (now < time + tail && !published.includes(kid)) throw new Error(`${kid}, which signed at ${time}, is gone at ${now}`)
      }
      if (new Set(published).size < published.length) throw new Error(`one key is published twice at ${now}`)
    }
    const sign = (now: number): string => {
      const { kid } = ring.signing(now)
      if ((known.get(kid) ?? Infinity) > now) throw new Error(`${kid} signs at ${now}, when nobody can know it`)
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
    pass(lead + tail)
    // By then it is as the files say, and as every other replica does it.
    const { signing } = timeline(files, now, tail)
    if (signing !== undefined && sign(now) !== signing.kid) throw new Error(`${signing.kid} should sign at ${now}`)
  })
  t.doesNotThrow(() => { fc.assert(property, { numRuns: 1000 }) })
})
