import t from 'tap'
import { normalizeNewPassword, normalizePassword } from '../../src/password/policy.ts'

const malformed = { code: 'validation-failed', message: 'input.password must be well-formed Unicode' }
const tooLong = { code: 'validation-failed', message: 'input.password must have at most 256 characters' }
const tooShortNew = { code: 'weak-password', message: 'The password must have at least 8 characters' }
const tooLongNew = { code: 'weak-password', message: 'The password must have at most 256 characters' }
t.test('a password is composed, and nothing else is changed', async (t) => {
  const table: Array<[string, string]> = [
    ['a-password', 'a-password'], ['  A Password\t\n', '  A Password\t\n'], ['pass\0word', 'pass\0word'], ['Cafe\u0301-123', 'Caf\u00e9-123'],
    ['\ufb01rebirds', '\ufb01rebirds'], ['\u200bpassword', '\u200bpassword'], ['\u212bngstr\u00f6m', '\u00c5ngstr\u00f6m']
  ]
  for (const [input, password] of table) {
    t.equal(normalizePassword(input), password)
    t.equal(normalizeNewPassword(input), password)
  }
})

t.test('length is counted in code points after composition', async (t) => {
  const table: Array<[string, number]> = [
    ['x', 8], ['x', 256], ['😀', 8], ['😀', 256], ['e\u0301', 8], ['e\u0301', 256],
    // The densest there are: four code points become one, and six UTF-16 units do.
    ['α\u0313\u0300\u0345', 256], ['\u{16126}'.normalize('NFD'), 256]
  ]
  for (const [unit, count] of table) {
    t.equal(normalizePassword(unit.repeat(count)), unit.normalize('NFC').repeat(count))
    t.equal(normalizeNewPassword(unit.repeat(count)), unit.normalize('NFC').repeat(count))
    if (count === 8) {
      t.equal(normalizePassword(unit.repeat(7)), unit.normalize('NFC').repeat(7), 'a short one is just wrong')
      t.throws(() => normalizeNewPassword(unit.repeat(7)), tooShortNew)
    } else {
      t.throws(() => normalizePassword(unit.repeat(257)), tooLong)
      t.throws(() => normalizeNewPassword(unit.repeat(257)), tooLongNew)
    }
  }
  t.equal(normalizePassword(''), '')
})

t.test('a lone surrogate is malformed', async (t) => {
  for (const input of ['\ud800', '1234567\udc00', '\udc00\ud800-password', 'pass\ud800word']) {
    t.throws(() => normalizePassword(input), malformed)
    t.throws(() => normalizeNewPassword(input), malformed)
  }
})
