import t from 'tap'
import { mergeYaml } from '../../../src/cli/adopt/yaml-merge.ts'

t.test('missing entries are added in the style of the text, and values, comments and order stay', async (t) => {
  const table: Array<[text: string, source: string, result: string]> = [
    ['', '- a # one\n', '- a # one\n'],
    ['# nothing\n', '- a\n', '# nothing\n\n- a\n'],
    ['# nothing', '- a\n', '# nothing\n\n- a\n'],
    ['[]\n', '- a\n- b\n', '- a\n- b\n'],
    ['[]', '- a\n', '- a\n'],
    ['---', '- a\n', '---\n- a\n'],
    ['---\n# top\n[] # none\n', '- a\n', '---\n# top\n# none\n- a\n'],
    ['- a\n- b # last', '- c\n', '- a\n- b # last\n- c\n'],
    ['- a\n\n# end\n', '- b\n', '- a\n- b\n\n# end\n'],
    ['- a\n', '- a\n', '- a\n'],
    ['[a, b]\n', '- c\n', '[a, b, c]\n'],
    ['[ a ]\n', '- b\n', '[ a, b ]\n'],
    ['[\n  a,\n  b, # last\n]\n', '- c\n', '[a, b, c] # last\n'],
    ['x: []\ny: 1\n', 'x:\n  - a\n', 'x:\n  - a\ny: 1\n'],
    ['x:\ny: 1\n', 'x:\n  - a\n', 'x:\n  - a\ny: 1\n'],
    ['x: null # none\n', 'x:\n  - a\n', 'x:\n  # none\n  - a\n'],
    ['x:   # none\n\ny: 1\n', 'x:\n  - a\n', 'x:\n  # none\n  - a\n\ny: 1\n'],
    ['x: ~\n', 'x:\n  y: 1\n', 'x:\n  y: 1\n'],
    ['x: {}\n', 'x:\n  y: 1\n', 'x:\n  y: 1\n'],
    ['{x: {}, y: []}\n', 'x:\n  z: 1\ny: [2]\n', '{x: {z: 1}, y: [2]}\n'],
    ['x:\n- a\ny: 1\n', 'x: [b]\n', 'x:\n- a\n- b\ny: 1\n'],
    ['- name: a\n  list: []\n', '- name: a\n  list: [1]\n', '- name: a\n  list:\n    - 1\n'],
    ['-   name: a\n    x: 1\n', '- name: a\n  y: 2 # two\n', '- name: a\n  x: 1\n  y: 2 # two\n'],
    ['a:\n    x: 1\n', 'a:\n  y:\n    z: 2\n', 'a:\n    x: 1\n    y:\n        z: 2\n'],
    ['x:\n  - a\n  # the end of x\ny: 1\n', 'x: [b]\n', 'x:\n  - a\n  - b\n  # the end of x\ny: 1\n'],
    ['x: 1\n', 'y:\n  # why\n  - a\n\n  - b\n', 'x: 1\ny:\n  # why\n  - a\n\n  - b\n'],
    ['x: 1\n', 'x: 2\n', 'x: 1\n'],
    ['x: 1\n', 'x: [2]\n', 'x: 1\n'],
    ['a: 1\n', 'kind: synchronous\ntimeout: 30\nforward_client_headers: false\nempty: []\n', 'a: 1\n'],
    ['a: 1\n', 'timeout: 10\n', 'a: 1\ntimeout: 10\n'],
    ['x: |\n  text\n', 'y: 1\n', 'x: |\n  text\ny: 1\n'],
    ['a: 010\nb: 1.10\nc: yes\nd: "1"\ne: \'2\'\nf: !!str 3\ng: 123456789012345678901\n', 'h: ~\n',
      'a: 010\nb: 1.10\nc: yes\nd: "1"\ne: \'2\'\nf: !!str 3\ng: 123456789012345678901\nh: ~\n'],
    ['- !include a.yaml\n', '- "!include b.yaml"\n', '- !include a.yaml\n- "!include b.yaml"\n'],
    ['a: &a [1]\nb: *a\nc:\n  <<: { d: 1 }\n', 'b: [1]\nc: { d: 2, e: 3 }\n', 'a: &a [ 1 ]\nb: *a\nc:\n  <<: { d: 1 }\n  e: 3\n']
  ]
  for (const [text, source, result] of table) {
    const merged = mergeYaml(text, source, 'x.yaml', () => true)
    t.equal(merged, result)
    t.equal(mergeYaml(merged, source, 'x.yaml', () => true), merged, 'twice is the same as once')
  }
})

t.test('an item may be refused, by the path of its list and its name', async (t) => {
  const asked: string[] = []
  const merged = mergeYaml('x:\n  - name: a\n    y: [b]\n', 'x:\n  - name: a\n    y: [c]\n  - role: d\n', 'x.yaml', (path, id) => {
    asked.push([...path, id].join('.'))
    return false
  })
  t.equal(merged, 'x:\n  - name: a\n    y: [b]\n')
  t.strictSame(asked, ['x.a.y.c', 'x.d'])
})

t.test('a text that does not allow the addition is refused', async (t) => {
  const table: Array<[text: string, source: string, message: string]> = [
    ['x: [', 'x: [1]\n', 'x.yaml is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ] at line 1, column 5'],
    ['x: 1\n---\nx: 2\n', 'y: 1\n', 'x.yaml is not valid YAML: Source contains multiple documents; please use YAML.parseAllDocuments() at line 2, column 1'],
    ['- a\n', 'x: 1\n', 'x.yaml must be a map'],
    ['x: 1\n', '- a\n', 'x.yaml must be a list'],
    ['1\n', '- a\n', 'x.yaml must be a list'],
    ['x: { y: &a [1] }\nz: *a\n', 'z: [2]\n', 'x.yaml: z is shared by an anchor: replace its aliases with copies, and run this again'],
    ['x: { y: &a [1] }\nz: *a\n', 'x: { y: [2] }\n', 'x.yaml: x.y is shared by an anchor: replace its aliases with copies, and run this again'],
    ['x: &a\n  - name: b\n', 'x: [{ name: b, c: 1 }]\n', 'x.yaml: x is shared by an anchor: replace its aliases with copies, and run this again'],
    ['- name: a\n  handler: x\n', '- name: a\n  handler: y\n',
      'x.yaml: a.handler is x, but y in this service: rename yours, or use the same options as before'],
    ['- name: a\n  value: x\n', '- name: a\n  value_from_env: y\n',
      'x.yaml: a.value_from_env is missing, but y in this service: rename yours, or use the same options as before']
  ]
  for (const [text, source, message] of table) t.throws(() => mergeYaml(text, source, 'x.yaml', () => true), { message }, text)
})
