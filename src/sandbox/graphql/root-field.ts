import type { IncomingHttpHeaders } from 'node:http'
import type { Session } from '../auth/authenticate.ts'
import type { SqlConnection } from '../database/sql-connection.ts'
import type { Selected } from '../database/select.ts'

/** The client of a request. Cookies for it are added to `cookies`. */
export interface Client { session: Session, headers: IncomingHttpHeaders, cookies: string[] }

/** The context in which a root field runs. */
export interface RootContext extends Client {
  /** The document of the client. */
  query: string
  /** A connection. For a mutation of tables, it is in a transaction. */
  db: SqlConnection
}

/** A field of the query root or the mutation root. */
export interface RootField {
  /** Its definition: `user_by_pk(id: Int!): user`. */
  sdl: string
  /** Whether it calls an action, which no transaction can undo. */
  isAction?: boolean
  /** Returns JSON. */
  run: (selected: Selected, context: RootContext) => Promise<string>
}

export type NamedField = [name: string, field: RootField]
export type RootFields = Record<string, RootField>
