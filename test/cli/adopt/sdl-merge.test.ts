import t from 'tap'
import { mergeSdl } from '../../../src/cli/adopt/sdl-merge.ts'

const source = `type Mutation {
  Login(email: String!, code: String): Token
}

type Token {
  token: String!
  ends: Int
}
`

t.test('declarations, arguments and fields are added, and all other text stays', async (t) => {
  const table: Array<[text: string, result: string]> = [
    ['', source],
    ['# nothing\n', `# nothing\n\n${source}`],
    ['schema { mutation: Mutation }', `schema { mutation: Mutation }\n\n${source}`],
    ['"""Mine"""\ntype Query { x(a: Int): [Int!] } # x\n', `"""Mine"""\ntype Query { x(a: Int): [Int!] } # x\n\n${source}`],
    [source, source],
    ['type Mutation { Login: Token }', `type Mutation { Login(email: String!, code: String): Token }\n\n${source.split('\n\n')[1]}`],
    ['type Mutation { "Signs in" Login("An email" email: String! # x\n, other: Int): Token } # y\n"A token" type Token { token: String! mine: Int }',
      'type Mutation { "Signs in" Login("An email" email: String! # x\n, other: Int, code: String): Token } # y\n'
      + '"A token" type Token { token: String! mine: Int   ends: Int\n}'],
    ['extend type Mutation { Login(email: String!): Token }\ntype Token { token: String! }\n# end\n',
      'extend type Mutation { Login(email: String!, code: String): Token }\ntype Token { token: String!   ends: Int\n}\n# end\n'],
    [source.replace('  token: String!\n  ends: Int\n', '  "Mine"\n  mine: Int\n'),
      source.replace('  token: String!\n  ends: Int\n', '  "Mine"\n  mine: Int\n  token: String!\n  ends: Int\n')],
    [source.replace('(email: String!, code: String)', '(\n    "An email"\n    email: String!\n    code: String\n  )'),
      source.replace('(email: String!, code: String)', '(\n    "An email"\n    email: String!\n    code: String\n  )')]
  ]
  for (const [text, result] of table) {
    t.equal(mergeSdl(text, source, 'x.graphql'), result)
    t.equal(mergeSdl(result, source, 'x.graphql'), result, 'twice is the same as once')
  }
})

t.test('declarations that do not belong to this service are refused', async (t) => {
  const table: Array<[text: string, message: string]> = [
    ['type Mutation { Login(email: String!): Int }', 'Login is a Mutation that returns Int, but a Mutation that returns Token in this service: rename yours'],
    ['type Query { Login(email: String!): Token }', 'Login is a Query that returns Token, but a Mutation that returns Token in this service: rename yours'],
    ['type Mutation { Login(email: String): Token }', 'Login.email is String, but String! in this service: rename yours'],
    ['type Mutation { Login: Token } type Token { token: String }', 'Token.token is String, but String! in this service: rename yours'],
    ['type Token { token: String! }', 'the type Token does not belong to this service: rename it'],
    ['scalar Token', 'the type Token does not belong to this service: rename it'],
    ['type Mutation { Other: Token } input Token { x: Int }', 'the type Token does not belong to this service: rename it']
  ]
  for (const [text, message] of table) t.throws(() => mergeSdl(text, source, 'x.graphql'), { message: `x.graphql: ${message}` }, text)
})
