import { ConfigError } from '../config.ts'
import type { Environment } from '../config.ts'
import { startSandbox } from './sandbox.ts'
import type { Sandbox } from './sandbox.ts'
import { withSessions } from './settings.ts'

/** How a printed command contains a secret: a development default literally, any other as a shell variable. */
function secret (name: 'HASURA_GRAPHQL_ADMIN_SECRET' | 'ACTION_SECRET', { settings }: Sandbox, env: Environment): string {
  return env[name] ? `$${name}` : settings[name]
}

function commandsFor (sandbox: Sandbox, env: Environment): string[] {
  const { hasuraUrl, serviceUrl } = sandbox
  const graphql = (document: string, header = ''): string => (
    `curl -s ${hasuraUrl}/v1/graphql${header} -d '${JSON.stringify({ query: document })}'`
  )
  const login = (email: string, password: string, field = 'token'): string => (
    graphql(`mutation { Login(email: "${email}", password: "${password}") { ${field} } }`)
  )
  const ownLogin = login('newuser@test.com', 'a-password')
  const loginForSession = login('newuser@test.com', 'a-password', 'refresh_token')
  const adminSecret = secret('HASURA_GRAPHQL_ADMIN_SECRET', sandbox, env)
  return [
    graphql('mutation { Signup(email: "newuser@test.com", password: "a-password") { id email password } }'),
    ownLogin,
    `TOKEN=$(${ownLogin} | node -pe 'JSON.parse(fs.readFileSync(0)).data.Login.token')`,
    'node -e \'console.log(JSON.parse(Buffer.from(process.argv[1].split(".")[1], "base64url")))\' "$TOKEN"',
    graphql('{ user { id email } }', ' -H "Authorization: Bearer $TOKEN"'),
    `REFRESH_TOKEN=$(${loginForSession} | node -pe 'JSON.parse(fs.readFileSync(0)).data.Login.refresh_token')`,
    graphql('mutation { Refresh(refresh_token: "\'$REFRESH_TOKEN\'") { token expires_in session_id } }'),
    // Another project has no such user.
    ...env['SANDBOX_PROJECT'] ? [] : [login('admin@site.com', 'admin-password-for-development')],
    graphql('{ user(order_by: { id: asc }) { id email default_role } }', ` -H "x-hasura-admin-secret: ${adminSecret}"`),
    `curl -s ${serviceUrl}/login -H 'content-type: application/json' `
    + `-H "x-hasura-action-secret: ${secret('ACTION_SECRET', sandbox, env)}" `
    + '-d \'{"input":{"email":"newuser@test.com","password":"a-password"}}\''
  ]
}

function fail (error: unknown): never {
  const isExpected = error instanceof ConfigError || (error instanceof Error && error.constructor === Error)
  console.error(isExpected ? error.message : error)
  process.exit(1)
}

try {
  const sandbox = await startSandbox({ env: withSessions(process.env), log: (line) => { console.log(line) } })
  let isClosing = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isClosing) return
      isClosing = true
      sandbox.close().then(() => process.exit(0), fail)
    })
  }
  console.log(`
This sandbox is for development and listens on loopback only. It is not Hasura: never put it on the internet.

  start here     ${sandbox.hasuraUrl}/
  GraphiQL       ${sandbox.hasuraUrl}/graphiql
  GraphQL API    ${sandbox.hasuraUrl}/v1/graphql
  webhook        ${sandbox.serviceUrl}/login and so on
  database       ${sandbox.database}
  mail           ${sandbox.inboxUrl ?? 'to SMTP_URL'}

Try these commands. Each is one line:

${commandsFor(sandbox, process.env).join('\n\n')}

Ctrl-C stops it and keeps the data.`)
} catch (error) {
  fail(error)
}
