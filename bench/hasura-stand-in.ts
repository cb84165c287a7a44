/**
 * A stand-in for Hasura, as a process: it answers the service's operations from memory, so that the bench measures the
 * service. `known-…` emails have a user with a hash of `COST`, `cheap-…` one with the cheapest hash, `unreadable-…` one
 * with a hash that nothing can verify, and other emails no user.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { hash } from '@node-rs/argon2'
import { password } from './users.ts'
import type { Cost } from './users.ts'

interface Operation { query: string, variables?: { email?: string } }

const hashes: Record<string, string> = {
  known: await hash(password, JSON.parse(String(process.env['COST'])) as Cost),
  cheap: await hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 }),
  unreadable: '$pbkdf2$unreadable'
}

function answer ({ query, variables: { email = '' } = {} }: Operation): object {
  if (!query.includes('query UserByEmail')) return { errors: [{ message: 'The bench needs only UserByEmail' }] }
  const stored = hashes[email.split('-')[0] ?? '']
  if (stored === undefined) return { data: { user: [] } }
  return { data: { user: [{ id: 1, password: stored, default_role: 'user', disabled_at: null, roles: [{ role: 'editor' }] }] } }
}

const server = createServer((request, response) => {
  void text(request).then((body) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer(JSON.parse(body) as Operation)))
  })
})
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => {
  console.log(`listening at http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
