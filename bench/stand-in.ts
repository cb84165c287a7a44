/**
 * A stand-in for Hasura, as a process: it answers the service's operations from memory. Every `caller-…` has an account
 * with the same stored hash, every `unreadable-…` one that cannot be read, and nobody else has any.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { hash } from '@node-rs/argon2'
import { password } from './attempts.ts'
import type { Cost } from './benchmark.ts'

interface Operation { query: string, variables?: { email?: string, password?: string } }

const cost = JSON.parse(process.argv[2] ?? '{}') as Cost
const stored = await hash(password, cost)
const cheap = await hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 })
const user = (hash: string): object[] => [{ id: 1, password: hash, default_role: 'user', roles: [{ role: 'editor' }] }]

function answer ({ query, variables: { email = '', password: hashed } = {} }: Operation): object {
  if (query.includes('insert_user_one')) return { insert_user_one: { id: 1, email, password: hashed } }
  if (query.includes('update_user_by_pk')) return { update_user_by_pk: { id: 1 } }
  if (email.startsWith('caller-')) return { user: user(stored) }
  if (email.startsWith('cheap-')) return { user: user(cheap) }
  return { user: email.startsWith('unreadable-') ? user('$pbkdf2$unreadable') : [] }
}

const server = createServer((request, response) => {
  void text(request).then((body) => {
    const data = JSON.stringify({ data: answer(JSON.parse(body) as Operation) })
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) }).end(data)
  })
})
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
process.once('disconnect', () => process.exit())
