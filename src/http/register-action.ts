import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ActionError, notAuthenticated, tryAgainLater } from '../errors.ts'
import type { Mutation } from '../generated/actions.ts'
import type { LimitRule, Reservation } from '../throttle/limit-rule.ts'
import type { Caller } from './caller.ts'

type ScalarSchema<Type> = [Type] extends [string] ? { type: 'string' }
  : [Type] extends [boolean] ? { type: 'boolean' }
      : [Type] extends [number] ? { type: 'integer' | 'number' } : never

/** The JSON Schema of a generated scalar type. A nullable argument or field may also be absent. */
type SchemaOf<Type> = null extends Type ? ScalarSchema<NonNullable<Type>> & { nullable: true } : ScalarSchema<Type>

/** A JSON Schema for each property of a generated type. The compiler checks it against that type. */
type PropertySchemas<Type> = { [Name in keyof Type]-?: SchemaOf<Type[Name]> }

interface ActionContext {
  request: FastifyRequest
  /** For headers of the answer. */
  reply: FastifyReply
  /**
   * Reserves an attempt under each rule. The outcome of the handler, `success` or the code of its error, decides later
   * whether the attempt counts.
   *
   * @throws ActionError `rate-limited` if a limit is reached
   */
  limit: (rules: LimitRule[]) => Promise<void>
}

interface Action<Input extends object, Output extends object, Context = ActionContext> {
  /** The name in `hasura/metadata/actions.graphql`. The route is the same in kebab case: `POST /change-password`. */
  name: keyof Mutation
  input: PropertySchemas<Input>
  output: PropertySchemas<Output>
  handler: (input: Input, context: Context) => Promise<Output>
}

function toKebabCase (name: string): string {
  return name.replaceAll(/(?<!^)[A-Z]/g, '-$&').toLowerCase()
}

function objectSchema (properties: object) {
  const required = Object.entries<object>({ ...properties })
    .filter(([, schema]) => !('nullable' in schema))
    .map(([name]) => name)
  return { type: 'object', additionalProperties: false, required, properties }
}

function outcomeOf (result: PromiseSettledResult<unknown>): string {
  if (result.status === 'fulfilled') return 'success'
  return result.reason instanceof ActionError ? result.reason.code : 'internal'
}

/** Runs `work` with a `limit` function, and settles what it reserved with the outcome of `work`. */
async function withLimits<Output> (
  { throttle }: FastifyInstance, work: (limit: ActionContext['limit']) => Promise<Output>
): Promise<Output> {
  const reservations: Reservation[] = []
  const [result] = await Promise.allSettled([work(async (rules) => {
    if (rules.length === 0) return
    const reservation = await throttle.reserve(rules)
    if ('retryAfterMilliseconds' in reservation) {
      throw tryAgainLater('rate-limited', 'Too many attempts', reservation.retryAfterMilliseconds)
    }
    reservations.push(reservation)
  })])
  for (const reservation of reservations) await reservation.settle(outcomeOf(result))
  if (result.status === 'rejected') throw result.reason
  return result.value
}

/**
 * Registers the route on which Hasura calls an action. The body is Hasura's payload. Only `input` is required. Other
 * keys are ignored, except that `action.name`, if sent, must be the name of this action.
 */
export function registerAction<Input extends object, Output extends object> (
  fastify: FastifyInstance, { name, input, output, handler }: Action<Input, Output>
): void {
  const path = toKebabCase(name)
  fastify.post<{ Body: { input: Input } }>(`/${path}`, {
    config: { action: path },
    onRequest: fastify.checkActionSecret,
    schema: {
      body: {
        type: 'object',
        required: ['input'],
        properties: {
          action: { type: 'object', properties: { name: { const: name } } },
          input: objectSchema(input)
        }
      },
      response: { 200: objectSchema(output) }
    }
  }, async (request, reply) => {
    // The answer holds a token or a hash (RFC 9111, section 5.2.2.5).
    void reply.header('cache-control', 'no-store')
    return withLimits(fastify, async limit => handler(request.body.input, { request, reply, limit }))
  })
}

/**
 * Registers an action that needs a session. Its handler gets the caller, or is not called: then the answer is
 * `not-authenticated`.
 */
export function registerSessionAction<Input extends object, Output extends object> (
  fastify: FastifyInstance, { handler, ...action }: Action<Input, Output, ActionContext & { caller: Caller }>
): void {
  registerAction<Input, Output>(fastify, {
    ...action,
    async handler (input, context) {
      const caller = fastify.callerOf(context.request)
      if (caller === undefined) throw notAuthenticated()
      context.request.attempt.userId = caller.userId
      return handler(input, { ...context, caller })
    }
  })
}
