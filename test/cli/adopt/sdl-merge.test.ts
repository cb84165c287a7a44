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

t.test('declarations that no earlier version has made are refused', async (t) => {
  const other = 'x.graphql declares the action Login in another way than this service'
  const table: Array<[text: string, message: string]> = [
    ['type Mutation { Login(email: String!): Int }', other],
    ['type Mutation { Login(email: String): Token }', other],
    ['type Mutation { Login(email: String!, other: Int): Token }', other],
    ['type Mutation { Login(code: String): Token }', other],
    ['type Mutation { Login: Token }', other],
    ['type Query { Login(email: String!): Token }', other],
    ['type Token { token: String }', 'x.graphql declares Token.token with another type than this service']
  ]
  for (const [text, message] of table) t.throws(() => mergeSdl(text, source, 'x.graphql'), { message }, text)
})
