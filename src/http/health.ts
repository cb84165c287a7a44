import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Gauge } from 'prom-client'
import { ActionError } from '../errors.ts'
import { diagnose } from '../hasura/diagnose.ts'

/** Milliseconds for which a check counts, so that many probes cost no more than one. */
const freshForMs = 1000

/** `GET /healthz`: 200 while the process runs. `GET /readyz`: 200 only while sign-in can work. */
async function health (fastify: FastifyInstance): Promise<void> {
  let isReady = false
  let problem: string | undefined
  let checkedAt = -Infinity
  let running: Promise<void> | undefined

  async function check (): Promise<void> {
    // Comparing the schema at every probe would be expensive: at start and after a failure is enough.
    const found = await diagnose(fastify.hasura, { compareSchema: !isReady })
    running = undefined
    // The shutdown closes the connections to Hasura.
    if (fastify.isShuttingDown) return
    if (found !== undefined && found !== problem) fastify.log.error(`not ready: ${found}`)
    if (found === undefined && problem !== undefined) fastify.log.info('ready again')
    problem = found
    isReady = found === undefined
    checkedAt = performance.now()
  }

  new Gauge({
    registers: [fastify.metrics],
    name: 'hasura_jwt_auth_ready',
    help: '1 if sign-in worked at the last check (at start, and when /readyz is probed), otherwise 0',
    collect () { this.set(isReady && !fastify.isShuttingDown ? 1 : 0) }
  })

  fastify.addHook('onListen', (done) => {
    running ??= check()
    // The service listens without waiting for this check: Hasura may be slow to answer.
    done()
  })

  fastify.get('/healthz', () => ({ status: 'ok' }))

  fastify.get('/readyz', async () => {
    if (!fastify.isShuttingDown && performance.now() - checkedAt > freshForMs) await (running ??= check())
    if (fastify.isShuttingDown) throw new ActionError('not-ready', 'The service is shutting down')
    if (isReady) return { status: 'ok' }
    throw new ActionError('not-ready', 'Sign-in cannot work: the log says why')
  })
}

export default fp(health, { name: 'health', fastify: '5.x', dependencies: ['hasura', 'metrics', 'shutdown'] })
