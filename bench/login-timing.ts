/**
 * Whether the time of a failed login tells a wrong password, an unknown email and an unreadable hash apart.
 *
 * Rounds of one login each, in random order within the round so that drift of the machine falls on all alike, on the
 * service at its default parameters and over HTTP. The Mann–Whitney U test asks whether one kind tends to be slower.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { hash } from '@node-rs/argon2'
import Fastify from 'fastify'
import { request } from 'undici'
import app, { serverOptions } from '../src/app.ts'

const rounds = 500
const kinds = { 'wrong password': 'known@test.com', 'unknown email': 'unknown@test.com', 'unreadable hash': 'legacy@test.com' }
const actionSecret = randomBytes(16).toString('hex')

/** A Hasura that knows one user. */
async function startHasura (): Promise<{ url: string, close: () => void }> {
  const password = await hash(randomBytes(16), { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
  const users: Record<string, object[]> = {
    'known@test.com': [{ id: 1, password, default_role: 'user', roles: [] }],
    'legacy@test.com': [{ id: 2, password: '$pbkdf2$unreadable', default_role: 'user', roles: [] }]
  }
  const server = createServer((message, response) => {
    void json(message).then((body) => {
      const { variables } = body as { variables: { email: string } }
      response.end(JSON.stringify({ data: { user: users[variables.email] ?? [] } }))
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => { server.close() } }
}

/** Milliseconds that a failed login takes. */
async function time (url: string, email: string): Promise<number> {
  const start = process.hrtime.bigint()
  const { statusCode, body } = await request(`${url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-hasura-action-secret': actionSecret },
    body: JSON.stringify({ input: { email, password: 'a-wrong-password' } })
  })
  await body.dump()
  if (statusCode !== 401) throw new Error(`a failed login answered ${statusCode}`)
  return Number(process.hrtime.bigint() - start) / 1e6
}

function median (values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}

/** The standard score of the Mann–Whitney U statistic; beyond ±3.29 chance alone is one in a thousand. */
function rankScore (first: number[], second: number[]): number {
  const all = [...first.map(value => ({ value, isFirst: true })), ...second.map(value => ({ value, isFirst: false }))]
  const ranked = all.sort((a, b) => a.value - b.value)
  const rankSum = ranked.reduce((sum, { isFirst }, index) => sum + (isFirst ? index + 1 : 0), 0)
  const [n, m] = [first.length, second.length]
  const u = rankSum - n * (n + 1) / 2
  return (u - n * m / 2) / Math.sqrt(n * m * (n + m + 1) / 12)
}

const hasura = await startHasura()
const fastify = Fastify(serverOptions({ write () { /* as much work as a log, and no terminal to wait for */ } }))
await fastify.register(app, {
  env: {
    HASURA_GRAPHQL_ENDPOINT: hasura.url,
    HASURA_GRAPHQL_ADMIN_SECRET: 'secret-of-the-bench',
    HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ type: 'HS256', key: randomBytes(32).toString('hex') }),
    ACTION_SECRET: actionSecret,
    LOGIN_LIMIT_PER_ACCOUNT: '1000000'
  }
})
const url = await fastify.listen({ host: '127.0.0.1', port: 0 })

const times = new Map(Object.keys(kinds).map((kind): [string, number[]] => [kind, []]))
for (let i = -20; i < rounds; i++) {
  const round = Object.entries(kinds).map(([kind, email]) => ({ kind, email, order: randomInt(1_000_000) }))
  for (const { kind, email } of round.sort((a, b) => a.order - b.order)) {
    const milliseconds = await time(url, email)
    // The first ones warm the code up.
    if (i >= 0) times.get(kind)?.push(milliseconds)
  }
}
await fastify.close()
hasura.close()

const wrongPassword = times.get('wrong password') ?? []
let isTold = false
console.log(`| failed login, ${rounds} rounds | median | ratio | standard score of the rank test |`)
console.log('| --- | --- | --- | --- |')
for (const [kind, values] of times) {
  const score = rankScore(values, wrongPassword)
  isTold ||= Math.abs(score) > 3.29
  const ratio = median(values) / median(wrongPassword)
  console.log(`| ${kind} | ${median(values).toFixed(2)} ms | ${ratio.toFixed(3)} | ${score.toFixed(2)} |`)
}
console.log(isTold ? 'Time tells them apart.' : 'Time does not tell them apart.')
process.exitCode = isTold ? 1 : 0
