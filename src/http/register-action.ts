import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Mutation } from '../generated/actions.ts'

/** The JSON Schema of a generated scalar type; of any other, a nullable one too, there is none yet. */
type SchemaOf<Type> = [Type] extends [string] ? { type: 'string' }
  : [Type] extends [boolean] ? { type: 'boolean' }
      : [Type] extends [number] ? { type: 'integer' | 'number' } : never

/** A JSON Schema for each property of a generated type, held against that type by the compiler. */
type PropertySchemas<Type> = { [Name in keyof Type]-?: SchemaOf<Type[Name]> }

interface Action<Input extends object, Output extends object> {
  /** As it is declared in `hasura/metadata/actions.graphql`; the route is the same in lower case. */
  name: keyof Mutation
  input: PropertySchemas<Input>
  output: PropertySchemas<Output>
  handler: (input: Input, request: FastifyRequest) => Promise<Output>
}

function object (properties: object) {
  return { type: 'object', additionalProperties: false, required: Object.keys(properties), properties }
}

/**
 * Registers the route on which Hasura calls an action. The body is Hasura's payload, of which `input` alone is
 * required; the other keys are ignored, but where `action.name` is sent it must be the name of this action.
 */
export function registerAction<Input extends object, Output extends object> (
  fastify: FastifyInstance, { name, input, output, handler }: Action<Input, Output>
): void {
  fastify.post<{ Body: { input: Input } }>(`/${name.toLowerCase()}`, {
    config: { action: name.toLowerCase() },
    onRequest: fastify.checkActionSecret,
    schema: {
      body: {
        type: 'object',
        required: ['input'],
        properties: {
          action: { type: 'object', properties: { name: { const: name } } },
          input: object(input)
        }
      },
      response: { 200: object(output) }
    }
  }, async (request, reply) => {
    // The answer holds a token or a hash (RFC 9111, section 5.2.2.5).
    void reply.header('cache-control', 'no-store')
    return handler(request.body.input, request)
  })
}
