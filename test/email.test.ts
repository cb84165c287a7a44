import { domainToUnicode } from 'node:url'
import fc from 'fast-check'
import t from 'tap'
import type { Test } from 'tap'
import { normalizeEmail } from '../src/email.ts'

const malformed = { code: 'validation-failed', message: 'input.email must be an email address' }
const tooLong = { code: 'validation-failed', message: 'input.email must have at most 254 characters' }

/** In ASCII and short: tap splits a title at some of these characters. */
function title (input: string): string {
  return input.slice(0, 40).replaceAll(/[^ -~]/gu, character => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** Undefined if the email is refused, with an error that only an email can cause. */
function normalized (input: string): string | undefined {
  try {
    return normalizeEmail(input)
  } catch (error) {
    if ((error as { code?: string }).code === 'validation-failed') return undefined
    throw error
  }
}

t.test('every spelling of one mailbox becomes the same email', async (t) => {
  const table: Record<string, string[]> = {
    'user@test.com': ['user@test.com', 'USER@TEST.COM', ' User@Test.com\n', '\t\u00a0\u3000\ufeffuser@test.com\u2029', 'user@ｔｅｓｔ.com'],
    // Lower case makes room for a composed letter: there is no capital one.
    '\u1e97@b.test': ['\u1e97@b.test', 't\u0308@b.test', 'T\u0308@b.test'],
    'k\u00e5@b.test': ['K\u00c5@b.test', '\u212a\u212b@b.test', 'ka\u030a@B.test'],
    // The capital I with a dot has no lower case of one character.
    'i\u0307smail@b.test': ['\u0130smail@b.test', 'I\u0307SMAIL@b.test', 'i\u0307smail@b.test'],
    '\u03b1\u03c2@b.test': ['\u0391\u03a3@b.test', '\u03b1\u03c2@b.test'],
    'u@xn--bcher-kva.example': [
      'u@bücher.example', 'u@bu\u0308cher.example', 'U@BÜCHER.EXAMPLE', 'u@xn--bcher-kva.example', 'u@XN--BCHER-KVA.Example'
    ],
    'u@xn--fa-hia.de': ['u@faß.de', 'u@xn--fa-hia.de'],
    'u@xn--pxagfdlp.test': ['u@δοκιμη.test', 'u@ΔΟΚΙΜΗ.test'],
    'u@b1.test': ['u@b1.test', 'u@b\uff11.test', 'u@\u{1d41b}1.test'],
    '!#$%&\'*+-/=?^_`{|}~.@b': ['!#$%&\'*+-/=?^_`{|}~.@b'],
    'u@1.2.3.4.test': ['u@1.2.3.4.test'],
    'u@-a--b-.c': ['u@-a--b-.C']
  }
  for (const [email, spellings] of Object.entries(table)) {
    for (const spelling of spellings) t.equal(normalizeEmail(spelling), email, title(spelling))
  }
})

t.test('input that is not exactly one mailbox is refused', async (t) => {
  const between = (characters: string): string[] => (
    Array.from(characters).flatMap(character => [`a${character}b@c.test`, `ab@c${character}d.test`])
  )
  const table: Record<string, string[]> = {
    'no @, several, or nothing beside it': ['', ' ', 'nobody', '@', '@b.test', 'a@', ' @b.test', 'a@b@c.test', 'a@@b.test'],
    'characters that mail libraries read as syntax': [...between('()<>[]:;,"\\'), 'a,victim@x.com', '<a@x.com>', 'A <a@x.com>'],
    'syntax that NFC makes': ['a\u037eb@c.test'],
    'spaces': between(' \t\n\r\u0085\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000'),
    'control characters': between('\0\u0001\u001f\u007f\u009f'),
    'invisible characters': between(
      '\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2064\u2066\u206f'
      + '\u3164\ufe00\ufe0f\ufeff\uffa0\ufff0\u{1bca0}\u{1d173}\u{e0001}\u{e0020}\u{e01ef}'
    ),
    'lone surrogates': ['a\ud800@b.test', '\udfff@b.test', 'a@b\ud800.test'],
    'domains that a URL would cut off or decode': [
      'a@victim.com/evil', 'a@victim.com?evil', 'a@victim.com#evil', 'a@victim.com%2fevil', 'a@v%69ctim.com', 'a@victim.com\\evil'
    ],
    'characters that no domain has': Array.from('!$&\'*+=^_`{|}~💩、。．｡℀／', character => `a@b${character}c.test`),
    'IPv4 addresses': [
      'a@123', 'a@1.2.3.4', 'a@127.1', 'a@0x7f.1', 'a@0x7f000001', 'a@017700000001', 'a@1.2.3.4.5', 'a@256.256.256.256',
      'a@１２７.0.0.1', 'a@b.1', 'a@b.0x1', 'a@999999999999'
    ],
    'empty labels': ['a@.', 'a@..', 'a@b.', 'a@.b', 'a@b..test'],
    'domains that UTS #46 refuses': [
      'a@xn--', 'a@xn--a.test', 'a@xn--zz.test', 'a@\u0300b.test', 'a@\u0378.test', 'a@xn--b-\u00fc.test'
    ]
  }
  for (const [kind, inputs] of Object.entries(table)) {
    for (const input of inputs) t.throws(() => normalizeEmail(input), malformed, `${kind}: ${title(input)}`)
  }
})

t.test('an email has at most 254 characters after normalisation', async (t) => {
  const accepted = [
    `${'a'.repeat(250)}@b.c`, `${' '.repeat(20_000)}a@b.c${' '.repeat(20_000)}`, `${'😀'.repeat(250)}@b.c`,
    // NFC makes one character out of four, and no combination is denser.
    `${'α\u0313\u0300\u0345'.repeat(250)}@b.c`, `${'𑤵\u{11930}'.repeat(250)}@b.c`,
    `a@${'\u{1d41b}'.repeat(250)}.c`, `a@${'b'.repeat(250)}.c`
  ]
  for (const input of accepted) t.ok(normalizeEmail(input), title(input))
  const refused = [
    `${'a'.repeat(251)}@b.c`, `a@${'b'.repeat(251)}.c`, `${'😀'.repeat(251)}@b.c`, `${'\u0130'.repeat(130)}@b.c`,
    `a@${'ü.'.repeat(40)}c`, `${'α\u0313\u0300\u0345'.repeat(251)}@b.c`, 'a'.repeat(255), '@'.repeat(1017), 'a'.repeat(20_000)
  ]
  for (const input of refused) t.throws(() => normalizeEmail(input), tooLong, title(input))
})

t.test('no Unicode character exceeds the ratio that the limit on raw length assumes', async (t) => {
  let max = 0
  for (let code = 0; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code)
    if (!character.isWellFormed() || character.normalize('NFC') !== character) continue
    max = Math.max(max, Array.from(character.normalize('NFD')).length)
  }
  t.equal(max, 4)
})

t.test('every character of Unicode that has a case or a decomposition has one spelling', async (t) => {
  for (let code = 0; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code)
    const spellings = [character.toLowerCase(), character.normalize('NFC'), character.normalize('NFD')]
    if (!character.isWellFormed() || spellings.every(spelling => spelling === character)) continue
    const local = (spelling: string): string | undefined => normalized(`a${spelling}b@c.test`)
    const domain = (spelling: string): string | undefined => normalized(`a@b${spelling}c.test`)
    const email = local(character)
    const others = [...spellings.map(local), email && normalized(email)]
    if (others.some(other => other !== email)) t.fail(`in the local part: ${title(character)}`)
    const [, ...forms] = spellings
    if (forms.some(form => domain(form) !== domain(character))) t.fail(`in the domain: ${title(character)}`)
  }
})

// Letters with and without case, of every length of decomposition, and the marks that compose with them.
const letters = fc.constantFrom(...Array.from(
  'abzABZ019.-\'ßẞſıİéÉüÜåÅK\u212bñẗỹǆǅǄάΆσςΣжЖᾳᾼᾂ가힣ガ漢字ل𐐀𐐨\u{1d41b}\u0300\u0301\u0307\u0308\u0316\u0331\u0345\u3099'
))
const characters = fc.oneof({ arbitrary: letters, weight: 6 }, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }))
const text = fc.string({ unit: characters, minLength: 1, maxLength: 20 })
const labels = fc.string({ unit: letters.filter(letter => letter !== '.' && letter !== '\''), minLength: 1, maxLength: 12 })
const domains = fc.array(labels, { minLength: 1, maxLength: 3 }).map(parts => parts.join('.'))
const emails = fc.tuple(text, fc.oneof({ arbitrary: domains, weight: 5 }, text)).map(parts => parts.join('@'))

/** Checks `property` over emails, of which at least a hundred are accepted. */
function checkAccepted (t: Test, property: (input: string, email: string) => boolean): void {
  let accepted = 0
  fc.assert(fc.property(emails, (input) => {
    const email = normalized(input)
    if (email === undefined) return true
    accepted++
    return property(input, email)
  }), { numRuns: 5000 })
  t.ok(accepted > 100, `${accepted} emails`)
}

t.test('a normalised email stays as it is', async (t) => {
  checkAccepted(t, (_, email) => normalizeEmail(email) === email)
})

t.test('a normalised email follows the rule', async (t) => {
  checkAccepted(t, (_, email) => {
    const [local = '', domain = '', ...others] = email.split('@')
    return local !== '' && others.length === 0 && Array.from(email).length <= 254
      && local.normalize('NFC') === local && local.toLowerCase() === local
      && /^[a-z0-9.-]+$/.test(domain) && !/^[0-9.]+$/.test(domain)
      && !/[\s\p{Z}\p{Cc}\p{Default_Ignorable_Code_Point}()<>[\]:;,"\\]/u.test(email)
  })
})

t.test('a mailbox has one spelling in any normalisation form, case, white space and form of the domain', async (t) => {
  checkAccepted(t, (input, email) => {
    const at = input.indexOf('@')
    const [local, domain] = [input.slice(0, at), input.slice(at + 1)]
    const unicode = domainToUnicode(email.slice(email.indexOf('@') + 1))
    return [
      input.normalize('NFC'), input.normalize('NFD'), `\n\u00a0${input}\ufeff `, `${local.toLowerCase()}@${domain}`,
      input.replaceAll(/[a-z]/g, letter => letter.toUpperCase()),
      input.replaceAll(/[A-Z]/g, letter => letter.toLowerCase()),
      `${local}@${domain.normalize('NFD')}`, `${local}@${unicode}`, `${local}@${unicode.normalize('NFD')}`
    ].every(spelling => [email, undefined].includes(normalized(spelling)))
  })
})
