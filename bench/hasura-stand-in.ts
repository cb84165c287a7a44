/**
 * A stand-in for Hasura, as a process: it answers the service's operations from memory, so that the bench measures the
 * service. `known-…` emails have a user with a hash of `COST`, `cheap-…` one with the cheapest hash, `unreadable-…` one
 * with a hash that nothing can verify, and other emails no user. Every session can be refreshed. `GET` returns the
 * number of operations so far.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { hash } from '@node-rs/argon2'
import { password } from './users.ts'
import type { Cost } from './users.ts'

interface Operation { query: string, variables?: { email?: string, where?: { id?: { _eq?: number } } } }

const hashes: Record<string, string> = {
  known: await hash(password, JSON.parse(String(process.env['COST'])) as Cost),
  cheap: await hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 }),
  unreadable: '$pbkdf2$unreadable'
}

const user = { default_role: 'user', disabled_at: null, email_verified_at: null, roles: [{ role: 'editor' }] }

/** The users of `SendVerification`: with an id below a million, and unverified if it is even. */
function findById (id = NaN): object[] {
  return id < 1_000_000 && id % 2 === 0 ? [{ ...user, id, email: `${id}@bench.test`, password: hashes['cheap'] }] : []
}

function answer ({ query, variables: { email = '', where } = {} }: Operation): object {
  if (query.includes('query FindUser')) return { data: { user: findById(where?.id?._eq) } }
  if (query.includes('mutation RefreshSession')) {
    return { data: { swap: { returning: [{ user: { ...user, id: 1 } }] }, reuse: { returning: [] } } }
  }
  if (query.includes('mutation StartSession')) return { data: { update_user: { affected_rows: 1 } } }
  if (!query.includes('query UserByEmail')) return { errors: [{ message: 'The bench needs no other operation' }] }
  const stored = hashes[email.split('-')[0] ?? '']
  return { data: { user: stored === undefined ? [] : [{ ...user, id: 1, email, password: stored }] } }
}

let operations = 0
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(String(operations))
    return
  }
  operations++
  void text(request).then((body) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer(JSON.parse(body) as Operation)))
  })
})
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => {
  console.log(`listening at http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
