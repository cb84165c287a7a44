import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { DeleteStaleSessionsDocument, StaleSessionsDocument } from '../generated/operations.ts'

/** Sessions stay for this long after their end, so that users and operators can look at them. */
const keptMilliseconds = 7 * 86_400_000

/** Mean pause between two runs. */
const pauseMilliseconds = 3_600_000

/** Deletes sessions that ended or expired days ago, at most 1,000 in one run. */
async function cleanUp (fastify: FastifyInstance): Promise<void> {
  const { hasura, sessions, log } = fastify
  if (sessions === undefined) return

  async function deleteStale (): Promise<void> {
    const before = new Date(Date.now() - keptMilliseconds).toISOString()
    const { user_session: stale } = await hasura.request(StaleSessionsDocument, { before })
    if (stale.length > 0) await hasura.request(DeleteStaleSessionsDocument, { ids: stale.map(({ id }) => id), before })
  }

  // Jittered, so that replicas that started together do not all run at once.
  const timer = setInterval(() => {
    deleteStale().catch((error: unknown) => { log.warn({ err: error }, 'old sessions could not be deleted') })
  }, pauseMilliseconds * (0.5 + Math.random())).unref()
  fastify.addHook('onClose', async () => { clearInterval(timer) })
}

export default fp(cleanUp, { name: 'session-clean-up', fastify: '5.x', dependencies: ['hasura', 'sessions'] })
