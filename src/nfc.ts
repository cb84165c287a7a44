/**
 * Maximum ratio of code points in a text to code points in its NFC form: at most four become one (UAX #15, table of
 * expansion factors).
 */
const maxRatio = 4

/** Length of a text in code points. */
export function countCodePoints (text: string): number {
  return Array.from(text).length
}

/**
 * Converts a text to NFC. A text that is too long in any case is not converted, because the time of `normalize` grows
 * with the square of a run of combining marks.
 *
 * @param maxLength - in code points of the result
 * @returns undefined if the result is too long
 */
export function toNfc (text: string, maxLength: number): string | undefined {
  if (countCodePoints(text) > maxLength * maxRatio) return undefined
  const composed = text.normalize('NFC')
  return countCodePoints(composed) > maxLength ? undefined : composed
}
