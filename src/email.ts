import { isIPv4 } from 'node:net'
import { domainToASCII } from 'node:url'
import { ActionError } from './errors.ts'
import { countCodePoints, toNfc } from './nfc.ts'

/** RFC 5321, section 4.5.3.1.3: a path is 256 octets with its angle brackets, so an address has at most 254. */
const maxLength = 254

/**
 * White space, control characters, characters that are invisible, and those that have a meaning in a mail header
 * (RFC 5322, section 3.2.3): `a,b@c.test` would be two recipients, and `<a@c.test>` another one.
 */
const refused = /[\s\p{Z}\p{Cc}\p{Default_Ignorable_Code_Point}()<>[\]:;,"\\]/u

/** `domainToASCII` parses a host of a URL. It cuts off or decodes everything else, such as the path of `a.test/b`. */
const domainCharacters = /^[\p{L}\p{M}\p{Nd}.-]+$/u

/** Labels that are not empty: `a.test.` is the same domain as `a.test`, and must not be another user. */
const asciiDomain = /^[a-z\d-]+(?:\.[a-z\d-]+)*$/

function malformed (): ActionError {
  return new ActionError('validation-failed', 'input.email must be an email address')
}

function tooLong (): ActionError {
  return new ActionError('validation-failed', `input.email must have at most ${maxLength} characters`)
}

/** NFC and lower case, repeated because lower case can make a composition possible: `T` and U+0308 become U+1E97. */
function foldLocalPart (text: string): string {
  const folded = text.normalize('NFC').toLowerCase()
  return folded === text ? text : foldLocalPart(folded)
}

/** UTS #46, as in URLs: the one ASCII form of a domain in any spelling. */
function toAsciiDomain (domain: string): string {
  const ascii = domainCharacters.test(domain) ? domainToASCII(domain) : ''
  // `1` and `0x7f.1` are IPv4 addresses in a URL.
  if (!asciiDomain.test(ascii) || isIPv4(ascii)) throw malformed()
  return ascii
}

/**
 * Returns the normal form of an email, under which a user is stored and found. A normal form does not change again.
 *
 * @returns the local part in NFC and lower case, the domain in ASCII
 * @throws ActionError `validation-failed`
 */
export function normalizeEmail (input: string): string {
  const trimmed = input.trim()
  // Checked before the domain is converted, because the time of that also grows with the square of the length. Neither
  // lower case nor punycode makes a text shorter.
  const composed = toNfc(trimmed, maxLength)
  if (composed === undefined) throw tooLong()
  if (!composed.isWellFormed()) throw malformed()

  const [local, domain, ...others] = composed.split('@')
  if (!local || !domain || others.length > 0 || refused.test(composed)) throw malformed()
  const email = `${foldLocalPart(local)}@${toAsciiDomain(domain)}`
  if (countCodePoints(email) > maxLength) throw tooLong()
  return email
}
