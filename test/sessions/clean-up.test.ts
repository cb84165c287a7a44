import { setTimeout as after } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { replace } from '../support/replace.ts'
import { sandbox } from '../support/sandbox.ts'
import { hasuraOf, service } from '../support/service.ts'
import { clientsOf, tokenSecret, tokensOf } from '../support/sessions.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** Turns sessions on. The timers of requests are shorter than the ones that `holdTimers` holds. */
const env = { ...tokenSecret, HASURA_TIMEOUT_SECONDS: '59' }

/** Later than the first run of a service that has just started. */
const firstRun = 5 * minute

/**
 * Lets time pass for timers of a minute and more only by `tick`. Shorter ones, and those of undici's connections, are
 * real. The latter have an argument.
 *
 * @returns `tick`, and the timers that are held
 */
function holdTimers (t: Test) {
  const { setTimeout: originalSet, clearTimeout: originalClear } = globalThis
  const held = new Map<NodeJS.Timeout, { at: number, run: () => void }>()
  let now = 0
  const clear = (timer: NodeJS.Timeout): void => {
    held.delete(timer)
    originalClear(timer)
  }
  replace(t, globalThis, 'clearTimeout', clear)
  replace(t, globalThis, 'setTimeout', (run: (...args: unknown[]) => void, milliseconds: number, ...args: unknown[]) => {
    const timer = originalSet(() => { run(...args) }, milliseconds)
    if (milliseconds >= minute && args.length === 0) held.set(timer, { at: now + milliseconds, run })
    return timer
  })
  return {
    held,
    tick: (milliseconds: number): void => {
      now += milliseconds
      for (const [timer, { at, run }] of [...held]) {
        if (at > now) continue
        clear(timer)
        run()
      }
    }
  }
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

  const { tick } = holdTimers(t)
  await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: hasuraUrl })
  tick(firstRun)
  await until(async () => (await left()).length < 6)
  t.strictSame((await left()).map(({ id }) => id).sort(), [alive, ...kept.map(({ id }) => id)].sort())
})

t.test('does nothing without TOKEN_SECRET, and deletes nothing if nothing is stale', async (t) => {
  const { tick } = holdTimers(t)
  const { url, asked } = await hasuraOf(t, { StaleSessions: stale() })
  const without = await hasuraOf(t, {})
  await service(t, { HASURA_TIMEOUT_SECONDS: '59', HASURA_GRAPHQL_ENDPOINT: without.url })
  await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: url })
  for (const runs of [1, 2]) {
    tick(hour)
    await until(() => asked.length === runs)
  }
  t.strictSame(asked.map(({ operation }) => operation), ['StaleSessions', 'StaleSessions'])
  t.strictSame(without.asked, [])
})

t.test('a run goes on until it finds nothing, or deletes nothing', async (t) => {
  const { tick } = holdTimers(t)
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
    const { fastify } = await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: url })
    tick(firstRun)
    await until(() => asked.length === operations.length)
    // `close` waits for the run.
    await fastify.close()
    t.strictSame(asked.map(({ operation }) => operation), operations)
    t.match(asked[1]?.variables, { ids: [id, id], before: String })
  }
})

t.test('logs an outage, and runs again', async (t) => {
  const { tick } = holdTimers(t)
  const answers: Record<string, unknown> = {
    StaleSessions: { errors: [{ message: 'no', extensions: { code: 'unexpected', path: '$' } }] },
    DeleteStaleSessions: { data: { delete_user_session: null } }
  }
  const { url, asked } = await hasuraOf(t, answers)
  const { log } = await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: url })
  const warnings = () => log().filter(({ msg }) => msg === 'old sessions could not be deleted')
  tick(firstRun)
  await until(() => warnings().length === 1)
  t.match(warnings(), [{ level: 40, err: { message: String } }])

  answers['StaleSessions'] = stale(id)
  tick(hour)
  await until(() => asked.some(({ operation }) => operation === 'DeleteStaleSessions'))
  t.equal(warnings().length, 1)
})

t.test('close waits for a mutation in progress, and nothing fails because of it', async (t) => {
  const { tick } = holdTimers(t)
  let answer = (_value: unknown): void => { /* not asked yet */ }
  const { url, asked } = await hasuraOf(t, {
    StaleSessions: stale(id), DeleteStaleSessions: new Promise((resolve) => { answer = resolve })
  })
  const { fastify, log } = await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: url })
  tick(firstRun)
  await until(() => asked.length === 2)
  const closing = fastify.close()
  answer(deleted(1))
  await closing
  t.notMatch(JSON.stringify(log()), 'old sessions could not be deleted')
})

t.test('the first run comes one to five minutes after the start, and another one every hour', async (t) => {
  for (const [random, first] of [[0, minute], [0.5, 3 * minute], [0.999, 5 * minute - 240]] as const) {
    await t.test(`${first} milliseconds`, async (t) => {
      replace(t, Math, 'random', () => random)
      const { held, tick } = holdTimers(t)
      const { url, asked } = await hasuraOf(t, { StaleSessions: stale() })
      await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: url })
      for (const [runs, pause] of [first, hour, hour].entries()) {
        const [timer] = held.keys()
        tick(pause - 1)
        t.strictSame([...held.keys()], [timer], 'not yet')
        t.equal(timer?.hasRef(), false, 'the timer keeps no process alive')
        tick(1)
        await until(() => asked.length > runs)
        t.equal(asked.length, runs + 1)
      }
    })
  }
})

t.test('nothing runs after close', async (t) => {
  const { tick } = holdTimers(t)
  const [closed, open] = [await hasuraOf(t, { StaleSessions: stale() }), await hasuraOf(t, { StaleSessions: stale() })]
  const closing = await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: closed.url })
  await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: open.url })
  tick(firstRun)
  await until(() => closed.asked.length === 1 && open.asked.length === 1)
  await closing.fastify.close()
  for (const runs of [2, 3]) {
    tick(hour)
    await until(() => open.asked.length === runs)
  }
  t.equal(closed.asked.length, 1)
  t.notMatch(JSON.stringify(closing.log()), 'old sessions could not be deleted')
})
