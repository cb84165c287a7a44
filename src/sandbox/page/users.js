import { button, find, formatTime, make, replace, table } from './dom.js'

const query = `{
  user(order_by: { id: desc }, limit: 50) {
    id email default_role disabled_at email_verified_at last_login_at roles(order_by: { role: asc }) { role }
  }
  role(order_by: { name: asc }) { name }
}`

/** Lists all users for the administrator, with buttons to disable them and to give and take roles. */
export async function showUsers ({ callers, show }) {
  const isAdministrator = await callers.administrator() !== undefined
  find('#users').hidden = !isAdministrator
  if (!isAdministrator) return
  const output = find('#users-output')
  const { user: users, role: roles } = await callers.administer(query)
  const change = (label, mutation, variables, properties) => button(label, output, async () => {
    await callers.administer(mutation, variables)
    await show()
  }, properties)

  const rolesOf = ({ id, email, default_role, roles: granted }) => {
    const names = granted.map(({ role }) => role).filter(role => role !== default_role)
    const chips = names.map(role => make('span', { className: 'chip' }, role, change('×',
      'mutation ($id: Int!, $role: String!) { delete_user_role_by_pk(user_id: $id, role: $role) { role } }',
      { id, role }, { ariaLabel: `Take the role ${role} from ${email}`, className: 'small' })))
    const grantable = roles.map(({ name }) => name).filter(name => name !== default_role && !names.includes(name))
    return [make('span', { className: 'chip', title: 'default role' }, `${default_role} (default)`), ...chips,
      ...grantable.map(role => change(`+ ${role}`,
        'mutation ($id: Int!, $role: String!) { insert_user_role_one(object: { user_id: $id, role: $role }) { role } }',
        { id, role }, { ariaLabel: `Grant the role ${role} to ${email}`, className: 'small' }))]
  }
  const setDisabled = ({ id, email }, label, disabledAt) => change(label,
    'mutation ($id: Int!, $at: timestamptz) { update_user_by_pk(pk_columns: { id: $id }, _set: { disabled_at: $at }) { id } }',
    { id, at: disabledAt }, { ariaLabel: `${label} ${email}` })

  replace(find('#users-list'), table(['Id', 'Email', 'Roles', 'Last login', ''], users.map(user => [
    String(user.id),
    [user.email, ...user.email_verified_at ? [' ', make('b', { className: 'badge' }, 'verified')] : [],
      ...user.disabled_at ? [' ', make('b', { className: 'badge bad' }, 'disabled')] : []],
    rolesOf(user),
    formatTime(user.last_login_at),
    [user.disabled_at ? setDisabled(user, 'Enable', null) : setDisabled(user, 'Disable', 'now()')]
  ])))
}
