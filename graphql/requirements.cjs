/** A plugin for GraphQL Code Generator: lists what the operations need of Hasura's schema. */
const { getNamedType, isInputObjectType, TypeInfo, typeFromAST, visit, visitWithTypeInfo } = require('graphql')

/** @type {import('@graphql-codegen/plugin-helpers').PluginFunction} */
const plugin = (schema, documents) => {
  const info = new TypeInfo(schema)
  /** @type {Set<string>} */
  const requirements = new Set()
  /**
   * A condition that a variable passes whole names columns that the operations also name elsewhere, and goes through
   * relationships and logical operators, which are the fields that take a condition on a table.
   *
   * @type {Set<import('graphql').GraphQLInputObjectType>}
   */
  const conditions = new Set()
  const visitor = visitWithTypeInfo(info, {
    Field: ({ name }) => {
      // Every type has __typename.
      if (!name.value.startsWith('__')) requirements.add(`${String(info.getParentType())}.${name.value}`)
    },
    VariableDefinition: ({ type }) => {
      const named = getNamedType(typeFromAST(schema, type))
      if (isInputObjectType(named)) conditions.add(named)
    },
    ObjectField: ({ name }) => {
      const parent = getNamedType(info.getParentInputType())
      requirements.add(`${String(parent)}.${name.value}: ${String(getNamedType(info.getInputType()))}`)
    }
  })
  for (const { document } of documents) if (document !== undefined) visit(document, visitor)
  for (const condition of conditions) {
    for (const { name, type } of Object.values(condition.getFields())) {
      const named = getNamedType(type)
      if ([...conditions].some(other => other === named)) requirements.add(`${condition.name}.${name}: ${named.name}`)
    }
  }
  const lines = [...requirements].sort().map(requirement => `  '${requirement}'`)
  return `/** Fields and input fields of Hasura's schema that the operations use, as \`type.field\` and \`type.field: type\`. */
export const schemaRequirements = [
${lines.join(',\n')}
]
`
}

module.exports = { plugin }
