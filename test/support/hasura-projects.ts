import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { temporaryFolder } from './folders.ts'

/** A project of Hasura's CLI that does not have this service yet, and the options of `adopt` that it needs. */
export interface HasuraProject {
  files: Record<string, string>
  options: string[]
  /** What the options name, where it differs from `hasura/`. */
  roles?: { anonymous: string, user: string, unverified: string }
  urlVariable?: string
  secretVariable?: string
  schema?: string
  database?: string
  /** The folders of metadata and migrations. */
  folders?: { metadata: string, migrations: string }
}

const table = (name: string, rest = ''): string => `table:\n  name: ${name}\n  schema: public\n${rest}`

/** The files that a real Hasura exports, also without content. */
const exported = {
  'config.yaml': 'version: 3\nendpoint: http://localhost:8080\nmetadata_directory: metadata\n',
  'metadata/version.yaml': 'version: 3\n',
  'metadata/actions.graphql': '',
  'metadata/actions.yaml': `actions: []
custom_types:
  enums: []
  input_objects: []
  objects: []
  scalars: []
`,
  'metadata/allow_list.yaml': '[]\n',
  'metadata/api_limits.yaml': '{}\n',
  'metadata/backend_configs.yaml': '{}\n',
  'metadata/cron_triggers.yaml': '[]\n',
  'metadata/graphql_schema_introspection.yaml': 'disabled_for_roles: []\n',
  'metadata/inherited_roles.yaml': '[]\n',
  'metadata/metrics_config.yaml': 'analyze_query_variables: false\nanalyze_response_body: false\n',
  'metadata/network.yaml': '{}\n',
  'metadata/opentelemetry.yaml': '{}\n',
  'metadata/query_collections.yaml': '[]\n',
  'metadata/remote_schemas.yaml': '[]\n',
  'metadata/rest_endpoints.yaml': '[]\n',
  'metadata/databases/databases.yaml': `- name: default
  kind: postgres
  configuration:
    connection_info:
      database_url:
        from_env: PG_DATABASE_URL
      isolation_level: read-committed
      pool_settings:
        connection_lifetime: 600
        retries: 1
        total_max_connections: 50
      use_prepared_statements: true
  tables: "!include default/tables/tables.yaml"
`,
  'metadata/databases/default/tables/tables.yaml': '- "!include public_article.yaml"\n',
  'metadata/databases/default/tables/public_article.yaml': table('article', `select_permissions:
  - role: user
    permission:
      columns:
        - id
        - title
      filter: {}
`),
  'migrations/default/1600000000000_article/up.sql': 'CREATE TABLE public.article (id serial PRIMARY KEY, title text NOT NULL);\n',
  'migrations/default/1600000000000_article/down.sql': 'DROP TABLE public.article;\n'
}

export const projects: Record<string, HasuraProject> = {
  'an export with actions of its own': {
    options: ['--url-variable', 'AUTH_BASE_URL', '--secret-variable', 'AUTH_ACTION_SECRET'],
    urlVariable: 'AUTH_BASE_URL',
    secretVariable: 'AUTH_ACTION_SECRET',
    files: {
      ...exported,
      'metadata/actions.graphql': `type Query {
  invoiceTotal(
    """The number of the invoice"""
    number: Int!
  ): InvoiceTotal
}

type Mutation {
  SendInvoice(
    number: Int!
  ): InvoiceTotal
}

type InvoiceTotal {
  total: Int!
}

`,
      'metadata/actions.yaml': `actions:
  - name: SendInvoice
    definition:
      kind: synchronous
      handler: '{{ACTION_BASE_URL}}/send-invoice'
      headers:
        - name: x-secret
          value_from_env: ACTION_SECRET
    permissions:
      - role: user
  - name: invoiceTotal
    definition:
      kind: ""
      handler: '{{ACTION_BASE_URL}}/total'
custom_types:
  enums: []
  input_objects: []
  objects:
    - name: InvoiceTotal
  scalars: []
`
    }
  },
  'inherited roles, and a style of its own': {
    options: ['--unauthorized-role', 'public', '--user-role', 'member', '--unverified-role', 'newcomer'],
    roles: { anonymous: 'public', user: 'member', unverified: 'newcomer' },
    files: {
      ...exported,
      'metadata/actions.yaml': `# The actions of this project: still empty.
actions: [] # none
custom_types: {enums: [], input_objects: [], objects: [], scalars: []}
`,
      'metadata/actions.graphql': '# Nothing yet.\n',
      'metadata/inherited_roles.yaml': '- role_name: staff\n  role_set:\n    - member\n    - editor\n',
      'metadata/databases/databases.yaml': `# One database.
-   name: default
    kind: postgres
    configuration: {connection_info: {database_url: {from_env: PG_DATABASE_URL}}}
    tables: '!include default/tables/tables.yaml' # each in its own file
`,
      'metadata/databases/default/tables/tables.yaml': '# Articles come first.\n-   "!include public_article.yaml"   # the only one\n\n# The end.',
      'metadata/databases/default/tables/public_article.yaml': table('article', `select_permissions:
  - role: member
    permission:
      columns: '*'
      filter: {}
  - role: editor
    permission: {columns: [id], filter: {}}
`)
    }
  },
  'remote schemas, triggers and computed fields': {
    options: [],
    files: {
      ...exported,
      'metadata/remote_schemas.yaml': '- name: weather\n  definition:\n    url_from_env: WEATHER_URL\n    timeout_seconds: 60\n  comment: ""\n',
      'metadata/cron_triggers.yaml': '- name: nightly\n  webhook: \'{{JOBS_URL}}/nightly\'\n  schedule: 0 3 * * *\n  include_in_metadata: true\n  payload: {}\n',
      'metadata/query_collections.yaml': '- name: allowed-queries\n  definition:\n    queries: []\n',
      'metadata/allow_list.yaml': '- collection: allowed-queries\n  scope:\n    global: true\n',
      'metadata/databases/databases.yaml': `${exported['metadata/databases/databases.yaml']}  functions: "!include default/functions/functions.yaml"\n`,
      'metadata/databases/default/functions/functions.yaml': '- "!include public_search.yaml"\n',
      'metadata/databases/default/functions/public_search.yaml': 'function:\n  name: search\n  schema: public\n',
      'metadata/databases/default/tables/public_article.yaml': table('article', `object_relationships:
  - name: twin
    using:
      manual_configuration:
        column_mapping:
          id: id
        insertion_order: null
        remote_table:
          name: article
          schema: public
computed_fields:
  - name: shout
    definition:
      function:
        name: article_shout
        schema: public
select_permissions:
  - role: user
    permission:
      columns:
        - id
      filter: {}
event_triggers:
  - name: article_added
    definition:
      enable_manual: false
      insert:
        columns: '*'
    webhook_from_env: JOBS_URL
`),
      'migrations/default/1600000000001_functions/up.sql': `CREATE FUNCTION public.article_shout(a public.article) RETURNS text
LANGUAGE sql STABLE AS $$ SELECT upper(a.title) $$;
CREATE FUNCTION public.search(term text) RETURNS SETOF public.article
LANGUAGE sql STABLE AS $$ SELECT * FROM public.article WHERE title LIKE term $$;
`
    }
  },
  'two databases of other names, in other folders': {
    options: ['--database', 'main'],
    database: 'main',
    folders: { metadata: 'meta', migrations: 'db' },
    files: {
      ...Object.fromEntries(Object.entries(exported).filter(([file]) => !/databases|migrations/.test(file))
        .map(([file, text]) => [file.replace('metadata/', 'meta/'), text])),
      'config.yaml': 'version: 3\nmetadata_directory: meta\nmigrations_directory: db\n',
      'meta/databases/databases.yaml': `- name: reports
  kind: postgres
  tables: []
- name: main
  kind: postgres
  tables:
    - table: { schema: shop, name: product }
      select_permissions: [{ role: user, permission: { columns: [id], filter: {} } }]
`,
      'db/main/1650000000000_shop/up.sql': 'CREATE SCHEMA shop;\nCREATE TABLE shop.product (id serial PRIMARY KEY);\n'
    }
  },
  'a project that has only databases, and no migrations': {
    options: ['--database', 'main'],
    database: 'main',
    files: {
      'config.yaml': 'version: 3\n',
      'metadata/version.yaml': 'version: 3\n',
      'metadata/databases/databases.yaml': `- name: reports
  kind: postgres
  tables: "!include reports/tables/tables.yaml"
- name: main
  kind: postgres
- name: logs
  kind: postgres
  tables:
`,
      'metadata/databases/reports/tables/tables.yaml': ''
    }
  },
  'a table of users of its own': {
    options: ['--schema', 'auth'],
    schema: 'auth',
    files: {
      ...exported,
      'metadata/databases/default/tables/tables.yaml': '- "!include public_article.yaml"\n- "!include public_user.yaml"\n',
      'metadata/databases/default/tables/public_user.yaml': table('user', `configuration:
  column_config: {}
  custom_column_names: {}
  custom_name: customer
  custom_root_fields: {}
`),
      'migrations/default/1600000000002_customers/up.sql': 'CREATE TABLE public."user" (id uuid PRIMARY KEY, name text NOT NULL);\n'
    }
  }
}

/** Writes a project into a new folder. */
export function writeProject (t: Test, { files }: Pick<HasuraProject, 'files'>): string {
  const folder = temporaryFolder(t)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  return folder
}
