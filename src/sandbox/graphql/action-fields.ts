import { writeJson } from '../json.ts'
import type { Action } from '../metadata/metadata.ts'
import { projectAnswer } from './action-answer.ts'
import type { CallAction } from './action.ts'
import type { RootFields } from './root-field.ts'

function argumentsOf ({ field: { args } }: Action): string {
  return args.length === 0 ? '' : `(${args.map(({ name, type }) => `${name}: ${type.toString()}`).join(' ')})`
}

/** The root fields of the actions that a role may call. */
export function actionFields (actions: Action[], kind: Action['kind'], role: string, callAction: CallAction): RootFields {
  const permitted = actions.filter(({ permissions }) => role === 'admin' || permissions.some(item => item.role === role))
  return Object.fromEntries(permitted.filter(action => action.kind === kind).map(action => [action.name, {
    sdl: `${argumentsOf(action)}: ${action.field.type.toString()}`,
    isAction: true,
    run: async ({ args, fields }, context) => writeJson(projectAnswer(await callAction(action, args, context), fields))
  } satisfies RootFields[string]]))
}
