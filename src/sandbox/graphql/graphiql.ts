import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import { getIntrospectionQuery } from 'graphql'
import type { Execute } from './execute.ts'

const email = 'someone@test.com'
const password = 'a-password'

/** One operation in each tab. */
const tabs = [
  { query: `mutation Signup {
  Signup(email: "${email}", password: "${password}") {
    id
    email
  }
}
` },
  { query: `mutation Login {
  Login(email: "${email}", password: "${password}") {
    token
    expires_in
    refresh_token
    session_id
  }
}
` },
  {
    query: `# Put the refresh_token of Login into Variables, below.
# If the answer has none, keep the one that you have.
mutation Refresh($refresh_token: String) {
  Refresh(refresh_token: $refresh_token) {
    token
    expires_in
    refresh_token
    session_id
  }
}
`,
    variables: '{ "refresh_token": "" }'
  },
  {
    query: `# Put the token of Login into Headers, below:
# { "Authorization": "Bearer eyJ..." }
# Only this tab sends it. A reload forgets it.
query Me {
  user {
    id
    email
    default_role
  }
}
`,
    headers: '{ "Authorization": "Bearer " }'
  }
]

/** Renders GraphiQL with the schema of the role `user`, whatever headers its tabs send. */
export async function renderGraphiql (execute: Execute): Promise<string> {
  const session = { role: 'user', variables: { 'x-hasura-role': 'user' } }
  const request = { query: getIntrospectionQuery(), variables: {}, operationName: null }
  const schema: unknown = JSON.parse(await execute(request, { session, headers: {}, cookies: [] }))
  const options = { endpoint: '/v1/graphql', title: 'GraphiQL', defaultTabs: tabs, shouldPersistHeaders: false, schema }
  return renderGraphiQL(options)
}
