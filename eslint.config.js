import stylistic from '@stylistic/eslint-plugin'
import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['build/', 'dist/', '.sandbox/', 'src/generated/', '*.config.js', '.dependency-cruiser.js'] },
  tseslint.configs.strictTypeChecked,
  stylistic.configs.customize({ indent: 2, quotes: 'single', semi: false, braceStyle: '1tbs', commaDangle: 'never', arrowParens: false }),
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@stylistic/max-len': ['error', { code: 120, ignoreTemplateLiterals: true, ignoreStrings: true }],
      '@stylistic/max-statements-per-line': 'off',
      '@stylistic/space-before-function-paren': ['error', 'always'],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // As the compiler has it: an underscore says that a parameter is meant to be unused.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // graphql-js's types of lists and non-null take any type, which this rule does not follow.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Fastify plugins are async by contract, with or without an await.
      '@typescript-eslint/require-await': 'off',
      // tap's assertions and Fastify's register return thenables that are awaited by the framework.
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafePromises: [{ from: 'package', name: ['FastifyInstance'], package: 'fastify' }] }]
    }
  },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  { files: ['test/**'], rules: { '@typescript-eslint/no-floating-promises': 'off', '@typescript-eslint/no-non-null-assertion': 'error' } }
)
