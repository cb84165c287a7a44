/** What must be set before anything else runs, by `node --require`: the `.env` file, and what can stand in it. */

// An empty value is an unset one, and must not win over one of the .env file.
for (const [name, value] of Object.entries(process.env)) if (value === '') Reflect.deleteProperty(process.env, name)
try {
  // What the environment sets already wins.
  process.loadEnvFile()
} catch (error) {
  if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error
}

require('./threads.cjs')
