import t from 'tap'
import { createMemoryStore } from '../../src/throttle/memory.ts'

const ruleFor = (key: string, windowSeconds = 60) => ({ key, limit: 3, windowSeconds, counts: ['wrong'] })

t.test('a flood of new keys does not clear the count of an attacked key', async (t) => {
  const store = createMemoryStore()
  const fail = async (key: string): Promise<boolean> => {
    const reservation = await store.reserve([ruleFor(key)])
    if ('retryAfterMilliseconds' in reservation) return false
    await reservation.settle('wrong')
    return true
  }
  for (let i = 0; i < 3; i++) t.ok(await fail('attacked'))
  for (let i = 0; i < 3; i++) t.ok(await fail('flood 0'))
  for (let i = 0; i < 2; i++) t.ok(await fail('dropped'))
  // The store holds 100,000 keys.
  for (let i = 1; i < 101_000; i++) await fail(`flood ${i}`)
  t.notOk(await fail('attacked'), 'still at its limit')
  t.notOk(await fail('flood 0'), 'still at its limit')
  t.ok(await fail('flood 1'), 'dropped with its low count')
})

t.test('a full store drops windows that have ended first', async (t) => {
  const store = createMemoryStore()
  const count = async (key: string, windowSeconds: number) => {
    const reservation = await store.reserve([{ ...ruleFor(key, windowSeconds), limit: 1 }])
    if ('settle' in reservation) await reservation.settle('wrong')
    return reservation
  }
  await count('open', 60)
  for (let i = 1; i < 100_000; i++) await count(`ended ${i}`, 0)
  await count('one more', 60)
  t.match(await count('open', 60), { retryAfterMilliseconds: Number })
  t.match(await count('ended 1', 60), { settle: Function })
})
