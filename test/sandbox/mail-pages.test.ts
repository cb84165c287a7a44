import t from 'tap'
import { openPage, skipBrowser } from '../support/browser.ts'
import { inboxOf, subjects } from '../support/mail.ts'
import { sandbox } from '../support/sandbox.ts'
import { clientsOf, password, tokenSecret, tokensOf } from '../support/sessions.ts'

t.test('the example pages of docs/mail.md in a browser', { skip: skipBrowser }, async (t) => {
  const { hasuraUrl } = await sandbox(t, { env: tokenSecret })
  const { asAdmin, changeEmail, login, requestReset, signup } = clientsOf(hasuraUrl)
  const { mailTo, tokenTo } = inboxOf(hasuraUrl)
  const page = await openPage(t)
  page.on('console', (message) => { if (message.type() === 'error') t.fail(message.text()) })
  const calls: string[] = []
  page.on('request', (request) => { if (request.method() === 'POST') calls.push(String(request.postData())) })

  /** Opens the link of a mail in the same tab, whose session storage stays. */
  const follow = async (email: string, subject: string): Promise<void> => {
    const { text } = await mailTo(email, subject)
    const [link = ''] = /http\S+#token=\S+/.exec(text) ?? []
    await page.goto('about:blank')
    await page.goto(link)
    t.equal(page.url(), link.replace(/#.*/, ''), 'the token is not in the address bar')
    calls.length = 0
  }
  const status = page.getByRole('status')
  const fill = async (fields: Record<string, string>): Promise<void> => {
    for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value)
  }
  /** Clicks the button and waits until the page says this. */
  const click = async (name: string, answer: string): Promise<void> => {
    await page.getByRole('button', { name }).click()
    await status.getByText(answer, { exact: true }).waitFor()
  }
  const users = async (): Promise<unknown> => {
    const { data } = await asAdmin('{ user(where: { id: { _gt: 1 } }) { email email_verified_at } }')
    return data?.['user']
  }

  await t.test('/verify-email waits for a click, and logs in first', async (t) => {
    await signup('ann@b.test')
    await follow('ann@b.test', subjects.verify)
    t.strictSame(calls, [])
    await fill({ Email: 'ann@b.test', Password: 'a wrong password' })
    await click('Confirm this address', 'Invalid credentials')
    t.strictSame(await users(), [{ email: 'ann@b.test', email_verified_at: null }])
    await fill({ Password: password })
    await click('Confirm this address', 'Your email address is confirmed.')
    t.match(await users(), [{ email_verified_at: String }])
  })

  await t.test('/reset-password sets the password once', async (t) => {
    await requestReset('ann@b.test')
    await follow('ann@b.test', subjects.reset)
    t.strictSame(calls, [])
    await fill({ 'New password': 'another-password' })
    await click('Set the password', 'Your password is changed. Log in with it.')
    t.match(await login('ann@b.test', { password: 'another-password' }), { token: String })
    await follow('ann@b.test', subjects.reset)
    await fill({ 'New password': 'a-third-password' })
    await click('Set the password', 'The link is invalid, used or expired: request a new one')
  })

  await t.test('/confirm-email asks for a login again if the session has ended', async (t) => {
    const { token } = tokensOf(t, await login('ann@b.test', { password: 'another-password' }))
    await changeEmail('new@b.test', { token, password: 'another-password' })
    t.ok(await tokenTo('new@b.test', subjects.change))
    await follow('new@b.test', subjects.change)
    t.notOk(await page.getByLabel('Email', { exact: true }).isVisible(), 'the tab has the access token of the first page')
    await page.getByRole('button').click()
    await page.getByLabel('Email', { exact: true }).waitFor()
    await fill({ Email: 'ann@b.test', Password: 'another-password' })
    await click('Confirm this address', 'Your email address is changed. Log in with it.')
    t.match(await users(), [{ email: 'new@b.test' }])
    t.equal(await page.evaluate('sessionStorage.length'), 0)
  })
})
