import { execFile } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { promisify } from 'node:util'
import { decodeJwt, SignJWT } from 'jose'
import type { Browser, Locator, Page, Route } from 'playwright-core'
import t from 'tap'
import type { Test } from 'tap'
import { noBrowser, openBrowser, skipBrowser } from '../support/browser.ts'
import { sandbox } from '../support/sandbox.ts'
import { settings } from '../support/service.ts'
import { password, tokenSecret } from '../support/sessions.ts'

const run = promisify(execFile)
const adminSecret = 'development-admin-secret'

/** A sandbox with the public admin secret, as `npm run sandbox` starts it, and a browser. */
async function start (t: Test, env: Record<string, string> = {}) {
  const running = await sandbox(t, { env: { HASURA_GRAPHQL_ADMIN_SECRET: adminSecret, ...tokenSecret, ...env } })
  const browser = await openBrowser(t)
  return { ...running, browser, device: async (t: Test) => openDevice(t, browser, running.hasuraUrl) }
}

/** A tab in a browser profile of its own. The test fails if the page does what it may not do. */
async function openDevice (t: Test, browser: Browser, url: string, { userAgent = '', hasClock = false } = {}): Promise<Page> {
  const context = await browser.newContext(userAgent === '' ? {} : { userAgent })
  t.teardown(async () => context.close())
  context.setDefaultTimeout(0)
  if (hasClock) await context.clock.install()
  context.on('weberror', (error) => { t.fail(String(error.error())) })
  context.on('console', (message) => { if (/Content Security|Trusted Type/.test(message.text())) t.fail(message.text()) })
  await context.route(other => other.origin !== url, async (route) => {
    t.fail(`requests ${route.request().url()}`)
    await route.abort()
  })
  const page = await context.newPage()
  await page.goto(url)
  await page.getByRole('button', { name: 'Log in' }).waitFor()
  return page
}

/**
 * Activates a control with the keyboard, when the page shows its newest state. A mail that arrives moves what is below
 * the inbox, and a click could miss it.
 */
async function press (control: Locator): Promise<void> {
  await control.page().locator('main[aria-busy=false]').waitFor()
  await control.waitFor()
  await control.press('Enter')
}

/** Opens a mail, waits until it is rendered, and opens the page to which it leads. */
async function followMail (page: Page, email: string, path: string): Promise<Page> {
  const mail = page.locator('.mail', { hasText: email }).filter({ has: page.getByText(`Open ${path}`) })
  await press(mail.locator('summary'))
  await mail.frameLocator('iframe').getByRole('link').waitFor()
  const opened = page.waitForEvent('popup')
  await press(mail.getByText(`Open ${path}`))
  return opened
}

async function signIn (page: Page, email: string, button: 'Log in' | 'Sign up' = 'Sign up'): Promise<void> {
  await page.locator('#login').getByLabel('Email').fill(email)
  await page.locator('#login').getByLabel('Password').fill(password)
  await page.getByRole('button', { name: button, exact: true }).click()
  await page.getByText(`Signed in as ${email}`).waitFor()
}

const tokenOf = async (page: Page): Promise<string> => String(await page.locator('#raw-token').textContent())

/** Waits until the page shows another token than this one. */
async function nextToken (page: Page, token: string): Promise<string> {
  await page.waitForFunction(token => ![token, ''].includes(String(document.querySelector('#raw-token')?.textContent)), token)
  return tokenOf(page)
}

const slow = { skip: skipBrowser }

t.test('the page at /', { skip: noBrowser }, async (t) => {
  const { hasuraUrl, browser, device, graphql } = await start(t)

  t.test('a new user sees the token, their row and requests that work when they are pasted', async (t) => {
    const page = await device(t)
    await signIn(page, 'ann@test.com')
    await page.getByRole('row', { name: 'x-hasura-default-role user' }).waitFor()
    await page.locator('#rows-answer').getByText('"email": "ann@test.com"').waitFor()
    const curl = String(await page.locator('#curl').textContent())
    const fetching = String(await page.locator('#fetch').textContent())
    for (const [file, ...args] of [['bash', '-c', curl], [process.execPath, '--input-type=module', '-e', fetching]] as const) {
      const { stdout } = await run(file, args)
      t.match(stdout, '"email":"ann@test.com"')
    }
    await press(page.getByRole('button', { name: 'As anonymous' }))
    await page.locator('#rows-answer').getByText('field \'user\' not found').waitFor()
    await press(page.getByRole('button', { name: 'As administrator' }))
    await page.locator('#rows-answer').getByText('admin@site.com').waitFor()
    await page.getByRole('button', { name: 'Log out', exact: true }).click()
    await page.getByText('You are signed out').waitFor()
    await page.reload()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
  })

  t.test('a Hasura that does not answer is named, and rows of another caller do not stay', slow, async (t) => {
    const page = await device(t)
    await press(page.getByRole('button', { name: 'As administrator' }))
    await page.locator('#rows-answer').getByText('admin@site.com').waitFor()
    await page.route('**/v1/graphql', async route => route.abort('connectionrefused'))
    await press(page.getByRole('button', { name: 'As anonymous' }))
    await page.locator('#rows').getByText('The sandbox does not answer').waitFor()
    t.equal(await page.locator('#rows-answer').textContent(), '')
    await page.evaluate(`localStorage.setItem('hasura-session', '{"session_id":"x","refresh_token":"x"}')`)
    await page.reload()
    await page.locator('#page-output').getByText('The sandbox does not answer').waitFor()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
  })

  t.test('the keyboard is enough to log in, and an error says why not', slow, async (t) => {
    const page = await device(t)
    await page.locator('#login').getByLabel('Email').focus()
    await page.keyboard.type('admin@site.com')
    await page.keyboard.press('Tab')
    await page.keyboard.type('not-this-one')
    await page.keyboard.press('Enter')
    await page.getByText('Invalid credentials (invalid-credentials)').waitFor()
    await page.keyboard.press('Control+A')
    await page.keyboard.type('admin-password-for-development')
    await page.keyboard.press('Enter')
    await page.getByText('Signed in as admin@site.com').waitFor()
  })

  /** Two tabs of one user. The first refreshes, and the second waits for it. The clock of the second stands still. */
  async function openTwoTabs (t: Test, email: string) {
    const first = await device(t)
    await signIn(first, email)
    const context = first.context()
    const second = await context.newPage()
    await second.clock.install()
    await second.goto(hasuraUrl)
    const token = await nextToken(second, '')
    await first.waitForFunction(token => document.querySelector('#raw-token')?.textContent === token, token)
    await second.clock.pauseAt(Date.now() + 60_000)
    const held: Route[] = []
    const arrivals = new EventEmitter()
    await context.route(`${hasuraUrl}/v1/graphql`, async (route) => {
      if (route.request().postData()?.includes('Refresh(') !== true) return route.continue()
      held.push(route)
      arrivals.emit('refresh')
    })
    const arrival = once(arrivals, 'refresh')
    await press(first.getByRole('button', { name: 'Refresh now' }))
    await arrival
    await press(second.getByRole('button', { name: 'Refresh now' }))
    // A later request for the same lock is refused, so that of the second tab was, too.
    t.equal(await second.evaluate('navigator.locks.request("hasura-session", { ifAvailable: true }, lock => lock === null)'), true)
    return { first, second, token, held, nextArrival: async () => once(arrivals, 'refresh') }
  }

  t.test('two tabs that refresh at once send one request and show the same token', slow, async (t) => {
    const { first, second, token, held } = await openTwoTabs(t, 'tabs@test.com')
    await held[0]?.continue()
    t.equal(await nextToken(second, token), await nextToken(first, token))
    t.equal(held.length, 1)
    await second.getByText(/Received at .* by another tab/).waitFor()

    await press(second.getByRole('button', { name: 'Log out everywhere' }))
    await first.getByText('You are signed out').waitFor()
  })

  t.test('a tab that is closed while it refreshes does not stop the others', slow, async (t) => {
    const { first, second, token, held, nextArrival } = await openTwoTabs(t, 'closed@test.com')
    await first.close()
    const arrival = nextArrival()
    await second.clock.runFor(10_000)
    await arrival
    await held[1]?.continue()
    t.not(await nextToken(second, token), token)
  })

  t.test('the page refreshes the token before it expires', slow, async (t) => {
    const page = await openDevice(t, browser, hasuraUrl, { hasClock: true })
    await signIn(page, 'timer@test.com')
    const token = await tokenOf(page)
    await page.clock.fastForward('14:00')
    t.not(await nextToken(page, token), token)
  })

  t.test('a refresh whose answer is lost is repeated within the grace', slow, async (t) => {
    const page = await openDevice(t, browser, hasuraUrl, { hasClock: true })
    await signIn(page, 'lost@test.com')
    const token = await tokenOf(page)
    const stored = 'JSON.parse(localStorage.getItem("hasura-session")).refresh_token'
    const refreshToken = await page.evaluate(stored)
    const { errors } = await graphql(
      'mutation { update_user_session(where: { user: { email: { _eq: "lost@test.com" } } }, _set: { refreshed_at: "2020-01-01" }) { affected_rows } }',
      { headers: { 'x-hasura-admin-secret': adminSecret } }
    )
    t.equal(errors, undefined)
    let refreshes = 0
    const answers = new EventEmitter()
    const lost = once(answers, 'lost')
    await page.route('**/v1/graphql', async (route) => {
      if (route.request().postData()?.includes('Refresh(') !== true || ++refreshes > 1) return route.continue()
      await route.fetch()
      answers.emit('lost')
    })
    await press(page.getByRole('button', { name: 'Refresh now' }))
    await lost
    await page.clock.runFor(15_000)
    await page.locator('#token').getByText('The sandbox does not answer').waitFor()
    await page.clock.runFor(10_000)
    t.not(await nextToken(page, token), token)
    t.not(await page.evaluate(stored), refreshToken)
  })

  t.test('an expired token is replaced once for all requests, and they are repeated', slow, async (t) => {
    const page = await device(t)
    await signIn(page, 'late@test.com')
    await page.locator('main[aria-busy=false]').waitFor()
    const token = await tokenOf(page)
    const { key } = JSON.parse(settings.HASURA_GRAPHQL_JWT_SECRET) as { key: string }
    const expired = await new SignJWT({ ...decodeJwt(token), exp: 1 }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(key))
    let refreshes = 0
    await page.route('**/v1/graphql', async (route) => {
      const headers = route.request().headers()
      if (route.request().postData()?.includes('Refresh(') === true) refreshes++
      await route.continue(headers['authorization'] === `Bearer ${token}` ? { headers: { ...headers, authorization: `Bearer ${expired}` } } : {})
    })
    await page.getByText('Change password').first().click()
    const form = page.locator('#change-password')
    await form.getByLabel('Current password').fill(password)
    await form.getByLabel('New password').fill('another-password')
    await form.getByRole('button').click()
    await form.getByText('Changed.').waitFor()
    t.equal(refreshes, 1)

    const tokens = await page.evaluate<string[]>(`import('/page/client.js').then(({ createClient }) => {
      const client = createClient()
      return Promise.all([client.accessToken(), client.accessToken()])
    })`)
    t.match(tokens, [/^eyJ/, tokens[0]])
    t.equal(refreshes, 2)
  })

  t.test('a request is not repeated for another user who has logged in meanwhile', slow, async (t) => {
    const page = await device(t)
    let requests = 0
    await page.route('**/v1/graphql', async (route) => {
      if (route.request().postData()?.includes('{ user { email } }') !== true || ++requests > 1) return route.continue()
      await page.evaluate('client.signup("second@test.com", "a-password")')
      const headers = route.request().headers()
      await route.continue({ headers: { ...headers, authorization: `${headers['authorization']}x` } })
    })
    t.equal(await page.evaluate(`(async () => {
      const { createClient } = await import('/page/client.js')
      const values = {}
      const storage = { getItem: key => values[key] ?? null, setItem: (key, value) => { values[key] = value } }
      globalThis.client = createClient({ storage })
      await client.signup('first@test.com', 'a-password')
      return client.request('{ user { email } }').then(({ user }) => user[0].email, error => error.code)
    })()`), 'invalid-jwt')
  })

  t.test('a session that another device ends is over at the next refresh', slow, async (t) => {
    const laptop = await device(t)
    const phone = await openDevice(t, browser, hasuraUrl, { userAgent: '<b>phone</b>' })
    await signIn(laptop, 'devices@test.com')
    await signIn(phone, 'devices@test.com', 'Log in')
    await laptop.reload()
    const own = laptop.locator('#sessions tr', { hasText: 'this one' })
    await own.getByText('Chrome on Linux').waitFor()
    const other = laptop.locator('#sessions tr', { hasText: '<b>phone</b>' })
    await press(other.getByRole('button', { name: 'End' }))
    await other.getByText('ended: revoked').waitFor()
    await press(phone.getByRole('button', { name: 'Refresh now' }))
    await phone.getByText('You are signed out').waitFor()
    await signIn(phone, 'devices@test.com', 'Log in')
    await laptop.reload()
    await press(laptop.getByRole('button', { name: 'End all others (1)' }))
    await other.getByText('ended: revoked').nth(1).waitFor()
    await press(own.getByRole('button', { name: 'End' }))
    await laptop.getByText('You are signed out').waitFor()
  })

  t.test('an administrator grants a role and disables a user', slow, async (t) => {
    const page = await device(t)
    await signIn(page, 'user@test.com')
    const row = page.locator('#users tr', { hasText: 'user@test.com' })
    await press(row.getByRole('button', { name: 'Grant the role admin to user@test.com' }))
    await row.getByRole('button', { name: 'Take the role admin from user@test.com' }).waitFor()
    await press(page.getByRole('button', { name: 'Refresh now' }))
    await page.getByRole('row', { name: 'x-hasura-allowed-roles user, admin' }).waitFor()
    await press(row.getByRole('button', { name: 'Disable' }))
    await row.getByText('disabled').waitFor()
    await page.getByText('You are signed out').waitFor()
  })

  t.test('a forgotten password is replaced with the link in the mail', slow, async (t) => {
    const page = await device(t)
    await signIn(page, 'forgetful@test.com')
    await page.getByRole('button', { name: 'Log out', exact: true }).click()
    await page.getByText('Forgotten password').click()
    await page.locator('#forgotten').getByLabel('Email').fill('forgetful@test.com')
    await page.getByRole('button', { name: 'Mail me a link' }).click()
    const popup = await followMail(page, 'forgetful@test.com', '/reset-password')
    await popup.getByLabel('New password').fill('another-password')
    await popup.getByRole('button').click()
    await popup.getByText('Your password is changed').waitFor()
    await popup.close()
    await page.locator('#login').getByLabel('Email').fill('forgetful@test.com')
    await page.locator('#login').getByLabel('Password').fill('another-password')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText('Signed in as forgetful@test.com').waitFor()
  })

  t.test('the link in the mail verifies the address of the user who is signed in, and an account can be deleted', slow, async (t) => {
    const page = await device(t)
    await signIn(page, 'new@test.com')
    const popup = await followMail(page, 'new@test.com', '/verify-email')
    await popup.getByRole('button').click()
    await popup.getByText('Your email address is').waitFor()
    await popup.close()
    await page.reload()
    await page.getByText('verified address').waitFor()
    await page.getByText('Delete account').click()
    await page.locator('#delete-account').getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Delete my account' }).click()
    await page.getByText('You are signed out').waitFor()
  })

  t.test('a new email is confirmed with the link in the mail, and the user logs in with it', slow, async (t) => {
    const page = await device(t)
    await signIn(page, 'before@test.com')
    await page.getByText('Change email').click()
    const form = page.locator('#change-email')
    await form.getByLabel('New email').fill('after@test.com')
    await form.getByLabel('Password').fill(password)
    await form.getByRole('button').click()
    await form.getByText('Open its link to confirm').waitFor()
    const popup = await followMail(page, 'after@test.com', '/confirm-email')
    await popup.getByRole('button').click()
    await popup.getByText('Your email address is changed').waitFor()
    await popup.getByRole('link', { name: 'Back to the app' }).click()
    await popup.getByText('You are signed out: your session has ended').waitFor()
    await signIn(popup, 'after@test.com', 'Log in')
    await popup.getByText('verified address').waitFor()
    await page.getByText('Signed in as after@test.com').waitFor()
    t.notOk(await form.isVisible(), 'the form of the user before is closed')
  })

  t.test('a new password gives this browser a new session', slow, async (t) => {
    const page = await device(t)
    await signIn(page, 'password@test.com')
    const token = await tokenOf(page)
    const form = page.locator('#change-password')
    await page.getByText('Change password').first().click()
    await form.getByLabel('Current password').fill(password)
    await form.getByLabel('New password').fill('another-password')
    await form.getByRole('button').click()
    await form.getByText('Changed.').waitFor()
    t.not(await nextToken(page, token), token)
    await page.locator('#sessions tr', { hasText: 'ended: password-changed' }).waitFor()
  })
})

t.test('after a restart of the sandbox, the page shows the mails of the new one', slow, async (t) => {
  const { hasuraUrl, device, close } = await start(t)
  const page = await device(t)
  await signIn(page, 'before@test.com')
  await page.locator('.mail', { hasText: 'before@test.com' }).waitFor()
  await close()
  const { graphql } = await sandbox(t, { env: { ...tokenSecret, SANDBOX_PORT: new URL(hasuraUrl).port } })
  await graphql('mutation { Signup(email: "after@test.com", password: "a-password") { id } }')
  await page.locator('.mail', { hasText: 'after@test.com' }).waitFor()
  t.equal(await page.locator('.mail').count(), 1)
})

t.test('with an admin secret of yours, the page never gets it, and shows users to an administrator who logs in', slow, async (t) => {
  const { hasuraUrl, device } = await start(t, { HASURA_GRAPHQL_ADMIN_SECRET: 'secret-of-mine' })
  const own = await fetch(`${hasuraUrl}/page/settings.json`, { headers: { origin: 'https://elsewhere.test' } })
  t.strictSame(await own.json(), { adminSecret: null })
  t.equal(own.headers.get('access-control-allow-origin'), null)
  const { headers } = await fetch(hasuraUrl)
  t.match(headers.get('content-security-policy'), /^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'/)

  const page = await device(t)
  t.equal(await page.locator('#users').isVisible(), false)
  await page.getByRole('button', { name: 'fill in admin@site.com' }).click()
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.locator('#users').getByText('admin@site.com').waitFor()
})
