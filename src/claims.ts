import type { CustomClaims } from './jwt/custom-claims.ts'
import type { UserByEmailQuery } from './generated/operations.ts'

type User = UserByEmailQuery['user'][number]

/**
 * The claims of a user's token beyond Hasura's own three. This is the file to edit for claims of your own: ask for a
 * column in `graphql/UserByEmail.graphql`, run `npm run codegen`, and return it here under a name that starts with
 * `x-hasura-`. Text, numbers, booleans and lists of these become what Hasura reads; null leaves the claim out.
 *
 * @param _user - the user as that query fetched it
 */
export function claimsOf (_user: User): CustomClaims {
  return {}
}
