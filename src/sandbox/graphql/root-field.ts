import type { IncomingHttpHeaders } from 'node:http'
import type { GraphQLFieldConfigArgumentMap, GraphQLOutputType } from 'graphql'
import type { Session } from '../auth/authenticate.ts'
import type { Connection } from '../database/connection.ts'
import type { Selected } from '../database/select.ts'

/** What a root field runs with. */
export interface RootContext {
  session: Session
  headers: IncomingHttpHeaders
  /** The document of the client. */
  query: string
  /** A connection: of a mutation, in a transaction. */
  db: Connection
  /** Takes the cookies that reach the client. */
  cookies: string[]
}

/** A field of the query root or the mutation root. */
export interface RootField {
  type: GraphQLOutputType
  args?: GraphQLFieldConfigArgumentMap
  /** Whether it calls an action, which no transaction can undo. */
  isAction?: boolean
  /** Returns JSON. */
  run: (selected: Selected, context: RootContext) => Promise<string>
}

export type RootFields = Record<string, RootField>
