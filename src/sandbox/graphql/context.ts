import type { Session } from '../auth/authenticate.ts'
import type { Connection } from '../database/connection.ts'
import type { Json } from '../json.ts'
import type { Action } from '../metadata/metadata.ts'

/** What the resolvers of one request work with. */
export interface Context {
  session: Session
  database: Connection
  /** Runs a table's mutation and undoes its writes if it throws. */
  write: <T>(mutate: (db: Connection) => Promise<T>) => Promise<T>
  call: (action: Action, input: Json) => Promise<unknown>
}
