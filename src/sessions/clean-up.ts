import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { DeleteStaleSessionsDocument, StaleSessionsDocument } from '../generated/operations.ts'

/** Sessions stay for this long after their end, so that users and operators can look at them. */
const keptMilliseconds = 7 * 86_400_000

const minute = 60_000

/** Pause between two runs. */
const pauseMilliseconds = 60 * minute

/** Deletes sessions that ended or expired days ago, at most 1,000 in one mutation. */
async function cleanUp (fastify: FastifyInstance): Promise<void> {
  const { hasura, sessions, log } = fastify
  if (sessions === undefined) return
  let isOpen = true
  let running = Promise.resolve()

  /** Returns the number of sessions that it has deleted. */
  async function deleteBatch (before: string): Promise<number | undefined> {
    const { ended, expired } = await hasura.request(StaleSessionsDocument, { before })
    const ids = [...ended, ...expired].map(({ id }) => id)
    if (ids.length === 0) return 0
    const { delete_user_session: deletion } = await hasura.request(DeleteStaleSessionsDocument, { ids, before })
    return deletion?.affected_rows
  }

  async function deleteStale (): Promise<void> {
    const before = new Date(Date.now() - keptMilliseconds).toISOString()
    while (isOpen && await deleteBatch(before)) { /* There may be more. */ }
  }

  let timer: NodeJS.Timeout
  function runAfter (milliseconds: number): void {
    timer = setTimeout(() => {
      running = deleteStale().catch((error: unknown) => { log.warn({ err: error }, 'old sessions could not be deleted') })
      runAfter(pauseMilliseconds)
    }, milliseconds).unref()
  }

  // Soon, because a deployment may restart more than once an hour. Jittered, so that replicas that started together do
  // not all run at once.
  runAfter(minute * (1 + 4 * Math.random()))
  fastify.addHook('onClose', async () => {
    isOpen = false
    clearTimeout(timer)
    await running
  })
}

export default fp(cleanUp, { name: 'session-clean-up', fastify: '5.x', dependencies: ['hasura', 'sessions'] })
