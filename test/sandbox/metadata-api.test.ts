import t from 'tap'
import { sandbox } from '../support/sandbox.ts'
import { settings } from '../support/service.ts'

const admin = { 'x-hasura-admin-secret': settings.HASURA_GRAPHQL_ADMIN_SECRET }

t.test('the metadata API exports the metadata to the administrator, and nothing else', async (t) => {
  const { hasuraUrl } = await sandbox(t)
  const post = async (body: object, headers: Record<string, string> = admin) => {
    const response = await fetch(`${hasuraUrl}/v1/metadata`, { method: 'POST', headers, body: JSON.stringify(body) })
    return { status: response.status, body: await response.json() as unknown }
  }
  const denied = { path: '$', error: 'restricted access : admin only', code: 'access-denied' }
  const exporting = { type: 'export_metadata', version: 2, args: {} }
  t.strictSame(await post(exporting, { 'x-hasura-admin-secret': 'another' }), { status: 401, body: denied })
  t.strictSame(await post(exporting, {}), { status: 400, body: denied })
  t.strictSame(await post({ type: 'clear_metadata' }),
    { status: 400, body: { path: '$', error: 'The sandbox does not support clear_metadata', code: 'not-supported' } })
  t.strictSame(await post({ type: 'get_inconsistent_metadata', args: {} }),
    { status: 200, body: { is_consistent: true, inconsistent_objects: [] } })
  t.match(await post(exporting), {
    status: 200,
    body: {
      resource_version: 1,
      metadata: {
        version: 3,
        sources: [{
          name: 'default',
          kind: 'postgres',
          configuration: { connection_info: { isolation_level: 'read-committed' } },
          tables: [{ table: { schema: 'public', name: 'role' } }, { table: { schema: 'public', name: 'user' } }]
        }],
        actions: [{
          name: 'Signup',
          definition: {
            handler: '{{ACTION_BASE_URL}}/signup',
            headers: [{ name: 'x-hasura-action-secret', value_from_env: 'ACTION_SECRET' }]
          },
          permissions: [{ role: 'anonymous' }, { role: 'user' }]
        }]
      }
    }
  })
})
