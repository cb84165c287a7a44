import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import type { Environment } from '../src/config.ts'
import { readEnvironment } from '../src/env-file.ts'
import { temporaryFolder } from './support/folders.ts'

function read (t: Test, content: string | Uint8Array, env: Environment = {}): Environment {
  const file = join(temporaryFolder(t), '.env')
  writeFileSync(file, content)
  return readEnvironment(env, file)
}

t.test('variables of the process win over the file, unless they are empty', async (t) => {
  const env = read(t, 'HOST=::1\nPORT=2\n', { HOST: '', PORT: '1', LOG_LEVEL: '' })
  t.strictSame(env, { HOST: '::1', PORT: '1' })
})

t.test('without a file there are only the variables of the process', async (t) => {
  t.strictSame(readEnvironment({ PORT: '1' }, join(temporaryFolder(t), '.env')), { PORT: '1' })
  t.equal(readEnvironment()['PATH'], process.env['PATH'])
})

t.test('values are read as docker compose reads them', async (t) => {
  const table: Array<[line: string, value: string]> = [
    ['A=abc#def', 'abc#def'],
    ['A=#abc', '#abc'],
    ['A=abc##', 'abc##'],
    ['A=abc # a comment', 'abc'],
    ['A=a#b # a comment with a#b', 'a#b'],
    ['A=', ''],
    ['A=   # a comment', ''],
    ['A={"type":"HS256","key":"a#b"}', '{"type":"HS256","key":"a#b"}'],
    ['A=\'a#b # c\' # a comment', 'a#b # c'],
    ['A="a#b\\nc" # a comment', 'a#b\nc'],
    ['A=\'{"type":"HS256","key":"it\\"s"}\'', '{"type":"HS256","key":"it\\"s"}'],
    ['A=\'two\nlines of#text\'', 'two\nlines of#text'],
    ['A="line1\nMIIabc="', 'line1\nMIIabc='],
    ['A="line1\nMIIabc=="  # a comment', 'line1\nMIIabc=='],
    ['A=\'line1\nB="b" c\nMIIabc=\'', 'line1\nB="b" c\nMIIabc='],
    ['A=`line1\nB="b\n\'=`', 'line1\nB="b\n\'='],
    ['export A=\'a\'', 'a'],
    ['# B="x" y\nA=a', 'a'],
    ['A=it\'s "quoted"', 'it\'s "quoted"'],
    ['A=\'-----BEGIN PRIVATE KEY-----\nQUJD\nRA==\n-----END PRIVATE KEY-----\'\nB="c"',
      '-----BEGIN PRIVATE KEY-----\nQUJD\nRA==\n-----END PRIVATE KEY-----']
  ]
  for (const [line, value] of table) {
    for (const text of [line, `${line}\n`, `Z=1\n${line}\nY=2\n`]) t.equal(read(t, text)['A'], value, JSON.stringify(text))
    t.equal(read(t, `${line}\nY=2`)['Y'], '2', 'the next variable is read, too')
  }
})

t.test('a byte order mark and Windows line endings are not part of a name or a value', async (t) => {
  t.strictSame(read(t, '\uFEFFA=1\r\nB=\'2\'\r\n'), { A: '1', B: '2' })
})

t.test('a file that would be misread is refused with one line that says what to do', async (t) => {
  const quotes = (name: string) => `.env has broken quotation marks in the value of ${name}: put the value in single quotes`
  const table: Array<[content: string | Uint8Array, message: string]> = [
    ['KEY="{"type":"HS256"}"\n', quotes('KEY')],
    ['A=1\nexport KEY = "{"a":1}"', quotes('KEY')],
    ['KEY="abc\nB=2\n', quotes('KEY')],
    ['KEY=\'abc', quotes('KEY')],
    ['KEY=`abc\n', quotes('KEY')],
    ['KEY=\'it\'s\'\n', quotes('KEY')],
    ['KEY="abc"def\n', quotes('KEY')],
    ['KEY="abc\nB="def"\n', quotes('KEY')],
    ['KEY="abc\nMIIabc="def\n', quotes('KEY')],
    ['A="line1\nMIIabc="\nKEY="abc" def\n', quotes('KEY')],
    ['A="line1\nMIIabc="\nKEY="abc\n', quotes('KEY')],
    [Buffer.from('\uFEFFA=1\n', 'utf16le'), '.env is not in UTF-8: save it in that encoding'],
    [Buffer.from('A=é\n', 'latin1'), '.env is not in UTF-8: save it in that encoding']
  ]
  for (const [content, message] of table) t.throws(() => read(t, content), { name: 'ConfigError', message }, String(content))
})

t.test('a .env that cannot be read is refused', async (t) => {
  const folder = join(temporaryFolder(t), '.env')
  mkdirSync(folder)
  const message = '.env cannot be read (EISDIR): make it a readable file, or remove it'
  t.throws(() => readEnvironment({}, folder), { name: 'ConfigError', message })
})
