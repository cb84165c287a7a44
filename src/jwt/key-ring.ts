/** A key and the time from which it signs, in milliseconds since 1970. */
export interface RingKey { kid: string, start: number }

/** The time in which a key signs. */
type Period<Key> = Key & {
  end: number
  /** The time from which all verifiers have the key. */
  knownFrom: number
}

/** Each key signs until the next one does, but never before verifiers have it. */
function toPeriods<Key extends RingKey> (keys: Key[], knownFrom: (kid: string) => number): Array<Period<Key>> {
  return keys.reduceRight<Array<Period<Key>>>((later, key) => {
    const known = knownFrom(key.kid)
    return [{ ...key, start: Math.max(key.start, known), end: later[0]?.start ?? Infinity, knownFrom: known }, ...later]
  }, [])
}

/**
 * Decides which key signs and which keys are published. While the keys do not change, this depends only on their
 * starts and the time, so every replica decides the same. When the keys change, a new key waits until verifiers had
 * the time to fetch it. A removed key signs until another one may, and stays published until its tokens have expired.
 *
 * @param first - in the order of their starts, at least one of them in the past. Verifiers have these keys already:
 *   other replicas publish them, and so did this one before its restart
 * @param beforeMs - milliseconds from the publication of a new key to its first signature
 * @param afterMs - milliseconds from the last signature of a key to the end of its publication
 */
export function createKeyRing<Key extends RingKey> (first: [Key, ...Key[]], beforeMs: number, afterMs: number) {
  let periods = toPeriods(first, () => -Infinity)
  // Signs if the clock is set back to a time before all periods.
  let fallback: Key = first[0]

  const signing = (now: number): Key => periods.findLast(({ start }) => start <= now) ?? fallback
  const published = (now: number): Array<Period<Key>> => {
    const current = periods.filter(({ end }) => now < end + afterMs)
    return Array.from(new Map(current.map(period => [period.kid, period])).values())
  }
  return {
    signing,
    /** The keys that will sign, that sign, and that signed a token which has not expired. Each key once. */
    published,
    /** @param next - in the order of their starts */
    replace: (next: Key[], now: number): void => {
      // Verifiers have forgotten a key that is no longer published.
      const known = new Map(published(now).map(({ kid, knownFrom }) => [kid, knownFrom]))
      const coming = toPeriods(next, kid => known.get(kid) ?? now + beforeMs)
      const signer = signing(now)
      const handover = Math.max(now, coming[0]?.start ?? Infinity)
      // New start times do not change which key has signed until now.
      const past = periods.filter(({ start, end }) => start <= now && now < end + afterMs)
        .map(period => period === signer ? { ...period, end: handover } : period)
      periods = [...past, ...coming]
      fallback = signer
    }
  }
}
