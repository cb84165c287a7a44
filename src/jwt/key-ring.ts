/** A key and the time from which it signs, in milliseconds since 1970. */
export interface RingKey {
  kid: string
  start: number
}

interface Spans {
  /** Between the publication of a key that comes while the service runs and its first signature, in milliseconds. */
  lead: number
  /** Between the last signature of a key and the end of its publication, in milliseconds. */
  tail: number
}

/**
 * Tells which of some keys signs, and which are published: those that will sign, the one that does, and each that did
 * until its last token has expired. It depends on nothing but the time, so that every replica says the same.
 *
 * @param keys - in the order of their starts
 */
export function timeline<Key extends { start: number }> (
  keys: Key[], now: number, tail: number
): { signing: Key | undefined, published: Key[], expired: Key[] } {
  const isExpired = (index: number): boolean => (keys[index + 1]?.start ?? Infinity) + tail <= now
  return {
    signing: keys.findLast(({ start }) => start <= now),
    published: keys.filter((_key, index) => !isExpired(index)),
    expired: keys.filter((_key, index) => isExpired(index))
  }
}

/** A span of time in which a key signs, from its `start` on. */
type Turn<Key> = Key & {
  end: number
  /** From when on verifiers have the key. */
  known: number
}

/** Each signs until the next does, and none before it is known: by then it may be too late for its turn. */
function planTurns<Key extends RingKey> (keys: Key[], knownFrom: (kid: string) => number): Array<Turn<Key>> {
  return keys.reduceRight<Array<Turn<Key>>>((later, key) => {
    const end = later[0]?.start ?? Infinity
    const known = knownFrom(key.kid)
    return [{ ...key, start: Math.max(key.start, known), end, known }, ...later]
  }, [])
}

export interface KeyRing<Key> {
  signing: (now: number) => Key
  /** Each key once. */
  published: (now: number) => Key[]
  /** @param next - in the order of their starts */
  replace: (next: Key[], now: number) => void
}

/**
 * Keeps the keys of a running service. One that is taken away signs on for as long as no other may, and stays published
 * until its tokens have expired; one that comes signs after every verifier had the time to fetch it.
 *
 * @param first - in the order of their starts, at least one of them in the past; verifiers have those that are
 *   published by their times, since other replicas do the same and this one did before its restart
 */
export function createKeyRing<Key extends RingKey> (first: [Key, ...Key[]], { lead, tail }: Spans): KeyRing<Key> {
  let turns = planTurns(first, () => -Infinity)
  // For a clock that is set back to a time before all of them.
  let fallback: Key = first[0]

  const signing = (now: number): Key => turns.findLast(({ start }) => start <= now) ?? fallback
  const publishedTurns = (now: number): Array<Turn<Key>> => (
    Array.from(new Map(turns.filter(({ end }) => now < end + tail).map(turn => [turn.kid, turn])).values())
  )
  return {
    signing,
    published: publishedTurns,
    replace (next, now) {
      const published = publishedTurns(now)
      // What is published no more, or comes back, verifiers have forgotten.
      const coming = planTurns(next, kid => published.find(turn => turn.kid === kid)?.known ?? now + lead)
      const signer = signing(now)
      // It signs on until one that comes may.
      const handover = Math.max(now, coming[0]?.start ?? Infinity)
      // What has been signed stays so, whatever the new times are.
      const past = turns.filter(({ start, end }) => start <= now && now < end + tail)
        .map(turn => turn === signer ? { ...turn, end: handover } : turn)
      turns = [...past, ...coming]
      fallback = signer
    }
  }
}
