import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { include, projectFolders, readYaml } from '../../../src/sandbox/metadata/project-files.ts'
import { temporaryFolder } from '../../support/folders.ts'

t.test('a file is included by a tag or by a string, from the folder of the file that names it', async (t) => {
  const folder = temporaryFolder(t)
  const list = join(folder, 'tables.yaml')
  mkdirSync(join(folder, 'a'))
  writeFileSync(join(folder, 'a/b.yaml'), '\uFEFFtable: x\r\n')
  writeFileSync(list, '- !include a/b.yaml\n- "!include a/b.yaml"\n- \'!include "a/b.yaml"\'\n- !include c.yaml\n')
  const [byTag, byString, byQuotes, missing] = readYaml(list) as unknown[]
  for (const value of [byTag, byString, byQuotes]) {
    t.strictSame(include(value, list), [{ table: 'x' }, join(folder, 'a/b.yaml')])
  }
  t.throws(() => include(missing, list), { message: `${join(folder, 'c.yaml')} is missing: run hasura metadata export in the project first` })
  for (const value of ['a/b.yaml', { table: 'x' }, ['!include a/b.yaml'], undefined]) t.strictSame(include(value, list), [value, list])
})

t.test('broken YAML is refused with the name of its file and the line', async (t) => {
  const file = join(temporaryFolder(t), 'x.yaml')
  writeFileSync(file, 'a: 1\nb: [\n')
  t.throws(() => readYaml(file), { message: /x\.yaml is not valid YAML: Flow sequence [^\n]* at line 3, column 1$/ })
})

t.test('config.yaml names the folders of a project', async (t) => {
  const project = temporaryFolder(t)
  const defaults = { metadata: join(project, 'metadata'), migrations: join(project, 'migrations'), seeds: join(project, 'seeds') }
  t.strictSame(projectFolders(project), defaults)
  writeFileSync(join(project, 'config.yaml'), '')
  t.strictSame(projectFolders(project), defaults)
  writeFileSync(join(project, 'config.yaml'), 'metadata_directory: ./meta\nseeds_directory: a/b\n')
  t.strictSame(projectFolders(project), { ...defaults, metadata: join(project, 'meta'), seeds: join(project, 'a/b') })
})
