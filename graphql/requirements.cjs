/** A plugin for GraphQL Code Generator: lists what the operations need of Hasura's schema. */
const { getNamedType, TypeInfo, visit, visitWithTypeInfo } = require('graphql')

/** @type {import('@graphql-codegen/plugin-helpers').PluginFunction} */
const plugin = (schema, documents) => {
  const info = new TypeInfo(schema)
  /** @type {Set<string>} */
  const requirements = new Set()
  const visitor = visitWithTypeInfo(info, {
    Field: ({ name }) => {
      // Every type has __typename.
      if (!name.value.startsWith('__')) requirements.add(`${String(info.getParentType())}.${name.value}`)
    },
    ObjectField: ({ name }) => {
      const parent = getNamedType(info.getParentInputType())
      requirements.add(`${String(parent)}.${name.value}: ${String(getNamedType(info.getInputType()))}`)
    }
  })
  for (const { document } of documents) if (document !== undefined) visit(document, visitor)
  const lines = [...requirements].sort().map(requirement => `  '${requirement}'`)
  return `/** Fields and input fields of Hasura's schema that the operations use, as \`type.field\` and \`type.field: type\`. */
export const schemaRequirements = [
${lines.join(',\n')}
]
`
}

module.exports = { plugin }
