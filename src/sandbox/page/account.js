import { find, onSubmit, run } from './dom.js'

const byMail = 'If the address has an account, the mail is in the inbox.'

/** The forms of signed-out and signed-in users. */
export function prepareAccount ({ client, asUser }) {
  const login = find('#login')
  onSubmit(login, async ({ email, password }, submitter) => {
    if (submitter === 'signup') await client.signup(email, password)
    else await client.login(email, password)
  })
  onSubmit(find('#forgotten'), async ({ email }) => {
    await client.request('mutation ($email: String!) { RequestPasswordReset(email: $email) { ok } }', { email })
    return byMail
  })
  find('#administrator').onclick = () => {
    login.email.value = 'admin@site.com'
    login.password.value = 'admin-password-for-development'
  }
  const output = find('#account-output')
  const logOut = async everywhere => run(find('output', login), async () => {
    find('#ended').textContent = 'You are signed out.'
    await client.logout(everywhere)
  })
  find('#logout').onclick = async () => logOut(false)
  find('#logout-everywhere').onclick = async () => logOut(true)
  find('#send-verification').onclick = async () => run(output, async () => {
    await asUser('mutation { SendVerification { ok } }')
    return 'The mail is in the inbox.'
  })
  onSubmit(find('#change-password'), async ({ current, fresh }) => {
    await client.changePassword(current, fresh)
    return 'Changed. All other sessions have ended, and this browser has a new one.'
  })
  onSubmit(find('#change-email'), async (variables) => {
    await asUser('mutation ($email: String!, $password: String!) { ChangeEmail(email: $email, password: $password) { ok } }', variables)
    return 'The mail to the new address is in the inbox. Open its link to confirm.'
  })
  onSubmit(find('#delete-account'), async ({ password }) => {
    await asUser('mutation ($password: String!) { DeleteAccount(password: $password) { ok } }', { password })
    find('#ended').textContent = 'Your account is deleted. You are signed out.'
    client.forget()
  })
}

/** Closes the forms, and removes their messages. */
export function resetAccount () {
  for (const output of document.querySelectorAll('#account output')) output.textContent = ''
  for (const details of document.querySelectorAll('#account details')) details.open = false
}

/** Shows who is signed in. */
export async function showAccount ({ asUser, claims }) {
  if (!claims) return
  // A role such as unverified may have no permission for it.
  const { user: [user] } = await asUser('{ user { email email_verified_at } }').catch(() => ({ user: [] }))
  find('#who').textContent = user?.email ?? `user ${claims['x-hasura-user-id']}`
  for (const input of document.querySelectorAll('[name=username]')) input.value = find('#who').textContent
  find('#role').textContent = claims['x-hasura-default-role']
  const isVerified = Boolean(user?.email_verified_at)
  find('#verified').textContent = isVerified ? 'verified address' : 'address not verified'
  find('#send-verification').hidden = isVerified
}
