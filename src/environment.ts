/** Reads the `.env` file; imported before anything that looks at the environment. */

// An empty value is an unset one, and must not win over one of the .env file.
for (const [name, value] of Object.entries(process.env)) if (value === '') Reflect.deleteProperty(process.env, name)
try {
  // What the environment sets already wins.
  process.loadEnvFile()
} catch (error) {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}
