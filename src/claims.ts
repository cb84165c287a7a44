import type { TokenUserFragment } from './generated/operations.ts'
import type { CustomClaims } from './jwt/custom-claims.ts'

/**
 * Returns your own claims for a user's access token. Edit this file to add one: add the column to
 * `graphql/TokenUser.graphql`, run `npm run codegen`, and return the value here under a name that starts with
 * `x-hasura-`. Text, numbers, booleans and lists of these are converted to what Hasura reads. Null omits the claim.
 *
 * @param _user - the columns of `graphql/TokenUser.graphql`
 */
export function claimsOf (_user: TokenUserFragment): CustomClaims {
  return {}
}
