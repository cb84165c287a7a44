import type { Session } from '../auth/authenticate.ts'
import type { Database } from '../database/sql.ts'
import type { Json } from '../json.ts'
import type { Action } from '../metadata/metadata.ts'

/** What the resolvers of one request work with. */
export interface Context {
  session: Session
  database: Database
  /** Runs a table's mutation and undoes its writes if it throws. */
  write: <T>(mutate: (db: Database) => Promise<T>) => Promise<T>
  call: (action: Action, input: Json) => Promise<unknown>
}
