import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ConfigError, withoutEmpty } from './config.ts'
import type { Environment } from './config.ts'

/** Replaces each # that belongs to a value while `parseEnv` runs. */
const hashPlaceholder = '\u0001'

/**
 * A quoted value. The last group is its closing mark: undefined if the mark is missing, or if text follows it.
 * `parseEnv` accepts both.
 */
const quotedValue = /^[ \t]*(?:export +)?([\w.-]+)[ \t]*=[ \t]*(["'`])(?:(?!\2)[^])*(\2(?![ \t]*[^\s#]))?/gm

function parseEnvFile (bytes: Uint8Array): Environment {
  let text
  try {
    // Removes a byte order mark, too.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new ConfigError('.env', 'is not in UTF-8: save it in that encoding')
  }
  // Searches value by value, because a line inside a value may look like a broken value.
  const [, broken] = [...text.matchAll(quotedValue)].find(([, , , closingMark]) => closingMark === undefined) ?? []
  if (broken !== undefined) {
    throw new ConfigError('.env', `has broken quotation marks in the value of ${broken}: put the value in single quotes`)
  }
  // parseEnv ends an unquoted value at every #. Docker compose ends it only at a # after a space, and so does this.
  const values = Object.entries(parseEnv(text.replaceAll(/(?<=\S)#/g, hashPlaceholder)))
  return Object.fromEntries(values.map(([name, value]) => [name, value?.replaceAll(hashPlaceholder, '#')]))
}

/**
 * Returns the variables of the process and those of the `.env` file, if there is one. The former take precedence.
 *
 * @throws ConfigError if the file is unusable
 */
export function readEnvironment (env: Environment = process.env, file = '.env'): Environment {
  let bytes
  try {
    bytes = readFileSync(file)
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code)
    if (code === 'ENOENT') return env
    throw new ConfigError('.env', `cannot be read (${code}): make it a readable file, or remove it`)
  }
  return { ...parseEnvFile(bytes), ...withoutEmpty(env) }
}
