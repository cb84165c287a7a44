import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { atMost } from './benchmark.ts'
import type { Context, Report } from './benchmark.ts'
import { interleave, median } from './measure.ts'
import { start } from './processes.ts'
import { entry, settings, startCommand, startHasura } from './service.ts'

/** What a built module imports on its way up, the module of a thread that it starts, and what that one requires. */
const imported = new RegExp([
  /^(?:import|export) (?:[^;]*? from )?['"]([^'"]+)['"]/, /new URL\('([^']+)'/, /^const .* = require\('([^']+)'\)/
].map(({ source }) => source).join('|'), 'gm')

/** The packages that the built service imports on its way up, whichever file does it. */
function importedPackages (file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>()
  seen.add(file)
  const imports = Array.from(readFileSync(file, 'utf8').matchAll(imported), ([, name, thread, required]) => (
    name ?? required ?? `./${String(thread)}`
  ))
  for (const name of imports) {
    if (name.startsWith('.')) {
      const next = resolve(dirname(file), name)
      if (!seen.has(next)) for (const found of importedPackages(next, seen)) packages.add(found)
    } else if (!name.startsWith('node:')) packages.add(name)
  }
  return packages
}

function bareCommand (packages: Set<string>): string[] {
  const code = [
    ...Array.from(packages, name => `import '${name}'`),
    'import Fastify from \'fastify\'',
    'await Fastify({ logger: true }).listen({ host: \'127.0.0.1\', port: 0 })'
  ].join('\n')
  return [process.execPath, '--input-type=module', '--eval', code]
}

/** Milliseconds from the start of a process to its line that says it listens. */
async function timeToListening (command: string[], env: Record<string, string>, cwd?: string): Promise<number> {
  const begin = performance.now()
  const child = start(command, env, 'pipe', cwd)
  let output = ''
  const milliseconds = await new Promise<number>((resolve, reject) => {
    const read = (chunk: unknown): void => {
      output += String(chunk)
      if (output.includes('listening at')) resolve(performance.now() - begin)
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('exit', () => { reject(new Error(`${command.join(' ')} ended: ${output}`)) })
  })
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
  return milliseconds
}

/** From nothing to listening, against a process that only imports the same packages and listens. */
export async function startTime ({ quick, cost, pairs, progress }: Context): Promise<Report> {
  const packages = importedPackages(entry)
  const env = { ...settings(await startHasura(cost), cost), PORT: '0' }
  const ours = async () => timeToListening(startCommand, env)
  const theirs = async () => timeToListening(bareCommand(packages), {}, process.cwd())
  if (!quick) {
    await ours()
    await theirs()
  }
  progress(`${pairs} pairs of starts`)
  const measured = await interleave(pairs, ours, theirs)
  const ratio = median(measured.map(([service, bare]) => service / bare))
  return {
    title: 'From start to listening',
    goals: [atMost(1.3, 'time to listening, against a process that only imports the same packages and listens', ratio, '×')],
    tables: [{
      columns: ['production build', 'median'],
      rows: [
        ['this service', `${median(measured.map(([service]) => service)).toFixed(0)} ms`],
        [`the ${packages.size} packages alone`, `${median(measured.map(([, bare]) => bare)).toFixed(0)} ms`]
      ]
    }],
    notes: [`The packages: ${[...packages].sort().join(', ')}. The service makes one hash before it listens.`],
    data: { ratio, packages: [...packages].sort(), pairs: measured }
  }
}
