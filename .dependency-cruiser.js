// A file of the service imports from its own folder and from entries below it in this list.
const entries = [
  'server.ts', 'app.ts', 'claims.ts', 'actions', 'http', 'mail', 'sessions', 'jwt', 'password', 'throttle', 'hasura',
  'metrics.ts', 'env-file.ts', 'config.ts', 'email.ts', 'nfc.ts', 'errors.ts', 'generated'
]
const pathOf = entry => `^src/${entry.replace('.', '\\.')}${entry.includes('.') ? '$' : '/'}`

// The same for the folders of the sandbox. Each of them may import its leaves fault.ts and json.ts.
const sandboxFolders = ['graphql', 'database', 'auth', 'metadata']

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...entries.slice(1).map((entry, index) => ({
      name: `${entry} imports nothing above it`,
      severity: 'error',
      from: { path: pathOf(entry) },
      to: { path: entries.slice(0, index + 1).map(pathOf) }
    })),
    ...sandboxFolders.map((folder, index) => ({
      name: `sandbox/${folder} imports only from folders below it`,
      severity: 'error',
      from: { path: `^src/sandbox/${folder}/` },
      to: {
        path: '^src/sandbox/',
        pathNot: [...sandboxFolders.slice(index).map(name => `^src/sandbox/${name}/`), '^src/sandbox/(fault|json)\\.ts$']
      }
    })),
    { name: 'no circle', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    {
      name: 'every file of the service is in the list',
      severity: 'error',
      from: {},
      to: { path: '^src/', pathNot: [...entries.map(pathOf), '^src/(sandbox|cli)/'] }
    },
    {
      name: 'only the command line imports the sandbox',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(sandbox|cli)/' },
      to: { path: '^src/sandbox/' }
    },
    {
      name: 'nothing imports the command line',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' }
    },
    {
      name: 'schema:pull does not need the generated types, which it comes before',
      severity: 'error',
      from: { path: '^src/cli/pull-schema/' },
      to: { path: ['^src/app\\.ts$', '^src/generated/'], reachable: true }
    },
    { name: 'nothing imports tests or benchmarks', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|bench)/' } }
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' }
  }
}
