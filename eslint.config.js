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
      // As in the compiler, a leading underscore marks a parameter that is unused on purpose.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // graphql-js declares its list and non-null types with `any`.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // A Fastify plugin is an async function, with or without an await.
      '@typescript-eslint/require-await': 'off',
      // Fastify itself awaits what `register` returns, and tap what `t.test` returns.
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafePromises: [{ from: 'package', name: ['FastifyInstance'], package: 'fastify' }] }]
    }
  },
  // Served to browsers as they are: JavaScript that no compiler reads.
  { files: ['src/sandbox/page/*.js'], ...tseslint.configs.disableTypeChecked, languageOptions: { parserOptions: { projectService: false } } },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  { files: ['test/**'], rules: { '@typescript-eslint/no-floating-promises': 'off', '@typescript-eslint/no-non-null-assertion': 'error' } }
)
