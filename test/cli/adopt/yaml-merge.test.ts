import t from 'tap'
import { parse } from 'yaml'
import { mergeYaml } from '../../../src/cli/adopt/yaml-merge.ts'

t.test('what is missing is added in the style of the text, and all other text stays', async (t) => {
  const table: Array<[text: string, source: string, result: string]> = [
    ['', '- a\n', '- a\n'],
    ['# nothing\n', '- a\n', '# nothing\n- a\n'],
    ['[]\n', '- a\n- b\n', '- a\n- b\n'],
    ['[]', '- a\n', '- a\n'],
    ['# top\n[] # none\n# end\n', '- a\n', '# top\n# none\n- a\n# end\n'],
    ['- a\n- b # last', '- c\n', '- a\n- b # last\n- c\n'],
    ['  - a\n\n# end\n', '- b\n', '  - a\n  - b\n\n# end\n'],
    ['- a\n', '- a\n', '- a\n'],
    ['[a, b]\n', '- c\n', '[a, b, "c"]\n'],
    ['[ a ]\n', '- b\n', '[ a, "b"]\n'],
    ['x: []\ny: 1\n', 'x:\n  - a\n', 'x:\n  - a\ny: 1\n'],
    ['x:\ny: 1\n', 'x:\n  - a\n', 'x:\n  - a\ny: 1\n'],
    ['x: null # none\n', 'x:\n  - a\n', 'x: # none\n  - a\n'],
    ['x:\n', 'x:\n  y: 1\n', 'x:\n  y: 1\n'],
    ['x: {}\n', 'x:\n  y: 1\n', 'x:\n  y: 1\n'],
    ['{ x: {}, y: [] }\n', 'x:\n  z: 1\ny: [2]\n', '{ x: {z: 1}, y: [2] }\n'],
    ['{x: 1}\n', 'y: a\n', '{x: 1, y: "a"}\n'],
    ['x:\n- a\ny: 1\n', 'x: [b]\n', 'x:\n- a\n- b\ny: 1\n'],
    ['- name: a\n  list: []\n', '- name: a\n  list: [1]\n', '- name: a\n  list:\n    - 1\n'],
    ['-   name: a\n    x: 1\n', '- name: a\n  y:\n    - 1 # one\n', '-   name: a\n    x: 1\n    y:\n      - 1 # one\n'],
    ['x: 1\n', 'y:\n  # why\n  - a\n\n  - b\n', 'x: 1\ny:\n  # why\n  - a\n\n  - b\n'],
    ['x: 1\n', 'x: 2\n', 'x: 1\n'],
    ['x: 1\n', 'x: [2]\n', 'x: 1\n'],
    ['a: 1\n', 'kind: synchronous\ntimeout: 30\nforward_client_headers: false\nempty: []\n', 'a: 1\n'],
    ['a: 1\n', 'timeout: 10\n', 'a: 1\ntimeout: 10\n'],
    ['x: |\n  text\n', 'y: 1\n', 'x: |\n  text\ny: 1\n'],
    ['x: "a"\r\ny: 1\r\n', 'z: 1\n', 'x: "a"\r\ny: 1\r\nz: 1\n']
  ]
  for (const [text, source, result] of table) {
    const merged = mergeYaml(text, source, 'x.yaml', () => true)
    t.equal(merged, result)
    t.strictSame(parse(mergeYaml(merged, source, 'x.yaml', () => true)), parse(result), 'twice is the same as once')
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
