import { execFile, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { startBareVerify } from './bare-verify.ts'
import { Skip, atLeast } from './benchmark.ts'
import type { Context, Cost, Report } from './benchmark.ts'
import { startGenerator } from './load.ts'
import { measureLogins, noLimits, warmUp } from './login-cost.ts'
import type { Rate } from './login-cost.ts'
import { interleave, median, processorSeconds } from './measure.ts'
import { freePort, startServer } from './processes.ts'
import type { Server } from './processes.ts'
import { settings, startHasura, startService } from './service.ts'

const execute = promisify(execFile)
const folder = resolve('bench/flask')
const versions = 'import sys, flask, argon2, requests, jwt, gunicorn; from importlib.metadata import version; '
  + 'print("Python " + sys.version.split()[0], *(n + " " + version(n) for n in ("flask", "argon2-cffi", "requests", "PyJWT", "gunicorn")), sep=", ")'

function findPython (): { python: string, packages: string } {
  for (const python of ['python3', 'python', '/usr/bin/python3']) {
    const { status, stdout } = spawnSync(python, ['-c', versions], { encoding: 'utf8' })
    if (status === 0) return { python, packages: stdout.trim() }
  }
  throw new Skip('Python with flask, argon2-cffi, requests, PyJWT and gunicorn is not installed (bench/flask/requirements.txt)')
}

/** The two ways that gunicorn's manual recommends; the faster one on this machine is compared. */
const cores = availableParallelism()
const ways = {
  [`${2 * cores + 1} sync workers`]: ['--workers', String(2 * cores + 1)],
  [`${cores} workers of 4 threads`]: ['--workers', String(cores), '--worker-class', 'gthread', '--threads', '4']
}

async function startFlask (python: string, hasura: string, cost: Cost, options: string[]): Promise<Server> {
  const port = await freePort()
  const command = [python, '-m', 'gunicorn', ...options, '--bind', `127.0.0.1:${port}`, '--log-level', 'warning', 'app:app']
  return startServer(command, { ...settings(hasura, cost), PYTHONDONTWRITEBYTECODE: '1' }, port, '/healthz', folder)
}

/** Milliseconds of processor time of a verify and nothing else, one on each processor, here and in Python. */
async function startBareVerifies (python: string, cost: Cost, quick: boolean) {
  const { pid, verify } = await startBareVerify(cores)
  const numbers = [cost.memoryCost, cost.timeCost, cost.parallelism, quick ? 1 : 30].map(String)
  const args = [join(folder, 'verify.py'), ...numbers]
  return {
    here: async (): Promise<number> => {
      const before = processorSeconds(pid)
      const { verified } = await verify({ cost, milliseconds: quick ? 20 : 600, concurrency: cores })
      return (processorSeconds(pid) - before) * 1000 / verified
    },
    there: async (): Promise<number> => {
      const printed = await Promise.all(Array.from({ length: cores }, async () => execute(python, args)))
      return median(printed.map(({ stdout }) => Number(stdout)))
    }
  }
}

/** Against the same service as it is written in Python. */
export async function flask (context: Context): Promise<Report> {
  const { quick, cost, pairs, progress } = context
  const { python, packages } = findPython()
  const callers = 4 * cores
  const milliseconds = quick ? 50 : 1500
  const hasura = await startHasura(cost)
  const service = await startService(hasura, cost, noLimits)
  const generate = await startGenerator()
  const logins = async (server: Server) => measureLogins(generate, server, { callers }, milliseconds)

  const candidates: Array<{ way: string, server: Server, perSecond: number }> = []
  for (const [way, options] of Object.entries(ways)) {
    progress(`gunicorn with ${way}`)
    const server = await startFlask(python, hasura, cost, options)
    await logins(server)
    const tries = [await logins(server), await logins(server), await logins(server)]
    candidates.push({ way, server, perSecond: median(tries.map(({ perSecond }) => perSecond)) })
  }
  const [best, ...others] = candidates.sort((a, b) => b.perSecond - a.perSecond)
  if (best === undefined) throw new Error('gunicorn did not start')
  for (const { server } of others) await server.stop()

  const bare = await startBareVerifies(python, cost, quick)
  progress(`${pairs} rounds of logins and of bare verifies, here and there`)
  await warmUp(generate, service.url, context)
  await logins(service)
  await bare.here()
  const rounds = await interleave(
    pairs, async () => logins(service), async () => logins(best.server), bare.here, bare.there
  )
  const ratio = median(rounds.map(([here, there]) => here.perSecond / there.perSecond))
  const hashRatio = median(rounds.map(([, , here, there]) => there / here))
  const beyondHere = median(rounds.map(([login, , verify]) => login.cpuMilliseconds - verify))
  const beyondThere = median(rounds.map(([, login, , verify]) => login.cpuMilliseconds - verify))
  const row = (name: string, rates: Rate[], verifies: number[]): string[] => [
    name,
    median(rates.map(({ perSecond }) => perSecond)).toFixed(1),
    `${median(rates.map(({ cpuMilliseconds }) => cpuMilliseconds)).toFixed(2)} ms`,
    `${median(verifies).toFixed(2)} ms`
  ]
  const tried = candidates.map(({ way, perSecond }) => `${way} (${perSecond.toFixed(1)} logins a second)`)
  return {
    title: 'Against Flask, argon2-cffi, requests and gunicorn',
    goals: [atLeast(1.7, 'logins a second, against the same service in Flask', ratio, '×')],
    tables: [{
      columns: [`${callers} callers`, 'logins a second', 'processor time per login', 'of a bare verify'],
      rows: [
        row('this service', rounds.map(([here]) => here), rounds.map(([, , here]) => here)),
        row(`Flask, ${best.way}`, rounds.map(([, there]) => there), rounds.map(([, , , there]) => there))
      ]
    }],
    notes: [
      `\`bench/flask/app.py\` on ${packages}, the faster of ${tried.join(' and ')}.`,
      `${cost.memoryCost} KiB, ${cost.timeCost} passes and ${cost.parallelism} lane on both sides. Of the difference, ${hashRatio.toFixed(2)}× is the hash, which argon2-cffi has from the C library that its installation brings or finds. What a login takes beyond a bare verify is ${beyondHere.toFixed(2)} ms here and ${beyondThere.toFixed(2)} ms there.`
    ],
    data: { callers, ratio, hashRatio, packages, tried, rounds }
  }
}
