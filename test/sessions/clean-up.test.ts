import { mock } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { sandbox } from '../support/sandbox.ts'
import { hasuraOf, service } from '../support/service.ts'
import { clientsOf, tokenSecret, tokensOf } from '../support/sessions.ts'

/** The mean pause between two runs. */
const pause = 3_600_000
const day = 86_400_000

/** Lets time pass for intervals only by `mock.timers.tick`, and takes the jitter out of them. */
function holdIntervals (t: Test): void {
  t.intercept(Math, 'random', { value: () => 0.5 })
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => { mock.timers.reset() })
}

async function until (isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!await isTrue()) await after(5)
}

const stale = (...ids: string[]) => ({ data: { ended: ids.map(id => ({ id })), expired: [] } })
const deleted = (affected: number) => ({ data: { delete_user_session: { affected_rows: affected } } })
const id = '0d8e4f3a-1b2c-4d5e-8f90-a1b2c3d4e5f6'

t.test('deletes what ended or expired more than seven days ago, and nothing else', async (t) => {
  const { hasuraUrl } = await sandbox(t, { env: tokenSecret })
  const { asAdmin, login, signup } = clientsOf(hasuraUrl)
  await signup('old@b.test')
  const alive = tokensOf(t, await login('old@b.test')).session_id
  const { data } = await asAdmin('{ user(where: { email: { _eq: "old@b.test" } }) { id } }')
  const [{ id: userId } = { id: 0 }] = data?.['user'] as Array<{ id: number }>
  const iso = (days: number) => new Date(Date.now() + days * day).toISOString()
  const row = (name: string, expires: number, ended?: number) => ({
    id: crypto.randomUUID(),
    user_id: userId,
    created_at: iso(-60),
    refreshed_at: iso(-60),
    // Idle sessions expire, too, but stay until their absolute expiry.
    idle_expires_at: iso(-40),
    expires_at: iso(expires),
    user_agent: name,
    ...(ended !== undefined && { ended_at: iso(ended), ended_because: 'logout' })
  })
  const kept = [row('idle', 1), row('expired lately', -6.99), row('ended lately', 1, -6.99), row('both lately', -6.99, -6.99)]
  const old = Array.from({ length: 501 }, () => [row('expired', -7.01), row('ended', 1, -7.01)]).flat()
  const { errors } = await asAdmin(
    'mutation ($rows: [user_session_insert_input!]!) { insert_user_session(objects: $rows) { affected_rows } }',
    { rows: [...old, ...kept] }
  )
  t.equal(errors, undefined)
  const left = async () => {
    const { data } = await asAdmin('{ user_session { id user_agent } }')
    return data?.['user_session'] as Array<{ id: string, user_agent: string }>
  }

  holdIntervals(t)
  await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: hasuraUrl })
  mock.timers.tick(pause)
  await until(async () => (await left()).length < 6)
  t.strictSame((await left()).map(({ id }) => id).sort(), [alive, ...kept.map(({ id }) => id)].sort())
})

t.test('does nothing without TOKEN_SECRET, and deletes nothing if nothing is stale', async (t) => {
  holdIntervals(t)
  const { url, asked } = await hasuraOf(t, { StaleSessions: stale() })
  const without = await hasuraOf(t, {})
  await service(t, { HASURA_GRAPHQL_ENDPOINT: without.url })
  await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
  for (const runs of [1, 2]) {
    mock.timers.tick(pause)
    await until(() => asked.length === runs)
  }
  t.strictSame(asked.map(({ operation }) => operation), ['StaleSessions', 'StaleSessions'])
  t.strictSame(without.asked, [])
})

t.test('a run goes on until it finds nothing, or deletes nothing', async (t) => {
  holdIntervals(t)
  for (const [batches, counts, operations] of [
    [[2, 1, 0], [2, 1], ['StaleSessions', 'DeleteStaleSessions', 'StaleSessions', 'DeleteStaleSessions', 'StaleSessions']],
    // Another replica was faster, or a trigger keeps the rows.
    [[2, 2], [1, 0], ['StaleSessions', 'DeleteStaleSessions', 'StaleSessions', 'DeleteStaleSessions']]
  ] as const) {
    const [left, affected] = [Array.from<number>(batches), Array.from<number>(counts)]
    const { url, asked } = await hasuraOf(t, {
      get StaleSessions () { return stale(...Array.from({ length: left.shift() ?? 0 }, () => id)) },
      get DeleteStaleSessions () { return deleted(affected.shift() ?? 0) }
    })
    const { fastify } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
    mock.timers.tick(pause)
    await until(() => asked.length === operations.length)
    // `close` waits for the run.
    await fastify.close()
    t.strictSame(asked.map(({ operation }) => operation), operations)
    t.match(asked[1]?.variables, { ids: [id, id], before: String })
  }
})

t.test('logs an outage, and runs again', async (t) => {
  holdIntervals(t)
  const answers: Record<string, unknown> = {
    StaleSessions: { errors: [{ message: 'no', extensions: { code: 'unexpected', path: '$' } }] },
    DeleteStaleSessions: { data: { delete_user_session: null } }
  }
  const { url, asked } = await hasuraOf(t, answers)
  const { log } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
  const warnings = () => log().filter(({ msg }) => msg === 'old sessions could not be deleted')
  mock.timers.tick(pause)
  await until(() => warnings().length === 1)
  t.match(warnings(), [{ level: 40, err: { message: String } }])

  answers['StaleSessions'] = stale(id)
  mock.timers.tick(pause)
  await until(() => asked.some(({ operation }) => operation === 'DeleteStaleSessions'))
  t.equal(warnings().length, 1)
})

t.test('close waits for a mutation in progress, and nothing fails because of it', async (t) => {
  holdIntervals(t)
  let answer = (_value: unknown): void => { /* not asked yet */ }
  const { url, asked } = await hasuraOf(t, {
    StaleSessions: stale(id), DeleteStaleSessions: new Promise((resolve) => { answer = resolve })
  })
  const { fastify, log } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
  mock.timers.tick(pause)
  await until(() => asked.length === 2)
  const closing = fastify.close()
  answer(deleted(1))
  await closing
  t.notMatch(JSON.stringify(log()), 'old sessions could not be deleted')
})

t.test('the pause is jittered, and the timer keeps no process alive', async (t) => {
  const timers: Array<{ pause: number, timer: NodeJS.Timeout }> = []
  const { setInterval: original } = globalThis
  t.intercept(globalThis, 'setInterval', {
    value: (run: () => void, pause: number) => {
      const timer = original(run, pause)
      if (pause >= 1_800_000) timers.push({ pause, timer })
      return timer
    }
  })
  for (const replicas of [1, 2]) {
    await service(t, tokenSecret)
    t.equal(timers.length, replicas)
  }
  for (const { pause: milliseconds, timer } of timers) {
    t.ok(milliseconds < 1.5 * pause)
    t.equal(timer.hasRef(), false)
  }
  t.not(timers[0]?.pause, timers[1]?.pause)
})

t.test('nothing runs after close', async (t) => {
  holdIntervals(t)
  const [closed, open] = [await hasuraOf(t, { StaleSessions: stale() }), await hasuraOf(t, { StaleSessions: stale() })]
  const closing = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: closed.url })
  await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: open.url })
  mock.timers.tick(pause)
  await until(() => closed.asked.length === 1 && open.asked.length === 1)
  await closing.fastify.close()
  for (const runs of [2, 3]) {
    mock.timers.tick(pause)
    await until(() => open.asked.length === runs)
  }
  t.equal(closed.asked.length, 1)
  t.notMatch(JSON.stringify(closing.log()), 'old sessions could not be deleted')
})
