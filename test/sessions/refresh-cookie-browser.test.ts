import t from 'tap'
import { openPage, skipBrowser } from '../support/browser.ts'
import { sandbox } from '../support/sandbox.ts'
import { serverOf } from '../support/service.ts'
import { clientsOf, password, tokenSecret } from '../support/sessions.ts'

/** `send` returns everything that a script can learn from a mutation. */
const app = `<!doctype html><title>An app</title><script>
  const send = async (url, mutation) => {
    const response = await fetch(url + '/v1/graphql', {
      method: 'POST',
      credentials: 'include',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: 'mutation { ' + mutation + ' }' })
    })
    const headers = Object.fromEntries(response.headers)
    return { ...await response.json(), headers, cookies: document.cookie }
  }
</script>`

interface Answer {
  data?: Record<string, Record<string, unknown>>
  errors?: Array<{ extensions: { code: string } }>
  headers: Record<string, string>
  cookies: string
}

const name = '__Host-refresh_token'
const fields = '{ token refresh_token session_id }'

t.test('the cookie in Chromium', { skip: skipBrowser }, async (t) => {
  const { hasuraUrl } = await sandbox(t, { env: { ...tokenSecret, REFRESH_COOKIE: 'on' } })
  const { age, ends, signup } = clientsOf(hasuraUrl)
  const page = await openPage(t)
  const appUrl = await serverOf(t, (_request, response) => { response.setHeader('content-type', 'text/html').end(app) })
  t.not(new URL(appUrl).port, new URL(hasuraUrl).port)
  const at = (url: string, host: string): string => url.replace('127.0.0.1', host)

  /** Opens the app and returns a function with which it sends mutations to the API. */
  const open = async (appHost: string, apiHost: string) => {
    await page.context().clearCookies()
    await page.goto(at(appUrl, appHost))
    const api = at(hasuraUrl, apiHost)
    return async (mutation: string): Promise<Answer> => (
      page.evaluate<Answer>(`send(${JSON.stringify(api)}, ${JSON.stringify(mutation)})`)
    )
  }
  const loginAs = (email: string): string => `Login(email: "${email}", password: "${password}") ${fields}`
  const cookie = async () => (await page.context().cookies()).find(cookie => cookie.name === name)

  for (const host of ['127.0.0.1', 'localhost']) {
    await t.test(`goes through Login, Refresh and Logout on ${host}, and scripts never see the token`, async (t) => {
      const send = await open(host, host)
      const answers: Answer[] = []
      const tell = async (mutation: string): Promise<Answer> => {
        const answer = await send(mutation)
        answers.push(answer)
        return answer
      }
      const email = `${host}@b.test`
      await signup(email)
      const { data } = await tell(loginAs(email))
      t.match(data, { Login: { token: String, refresh_token: null, session_id: String } })
      const first = await cookie()
      t.match(first, { value: /^[\w-]{76}$/, domain: host, path: '/', httpOnly: true, secure: true, sameSite: 'Strict' })

      await age(String(data?.['Login']?.['session_id']), 61)
      t.match((await tell(`Refresh ${fields}`)).data, { Refresh: { token: String, refresh_token: null } })
      const second = await cookie()
      t.match(second?.value, /^[\w-]{76}$/)
      t.not(second?.value, first?.value)

      t.match((await tell('Logout { ok }')).data, { Logout: { ok: true } })
      t.equal(await cookie(), undefined)
      t.strictSame(await ends(email), ['logout'])
      t.match((await tell(`Refresh ${fields}`)).errors, [{ extensions: { code: 'invalid-refresh-token' } }])

      for (const { value = '' } of [first ?? {}, second ?? {}]) t.notMatch(JSON.stringify(answers), value)
      t.strictSame(answers.map(({ cookies }) => cookies), ['', '', '', ''])
      t.notOk(answers.some(({ headers }) => 'set-cookie' in headers))
    })
  }

  await t.test('needs one site, and HTTPS on every other name', async (t) => {
    const table: Array<[reason: string, appHost: string, apiHost: string]> = [
      ['two sites', 'localhost', '127.0.0.1'],
      ['two sites', 'app.one.test', 'api.two.test'],
      ['one site without HTTPS', 'app.one.test', 'api.one.test'],
      ['one origin\'s host without HTTPS', 'one.test', 'one.test']
    ]
    for (const [index, [reason, appHost, apiHost]] of table.entries()) {
      const send = await open(appHost, apiHost)
      const email = `other${index}@b.test`
      await signup(email)
      t.match((await send(loginAs(email))).data, { Login: { token: String } }, reason)
      t.equal(await cookie(), undefined, reason)
      t.match((await send(`Refresh ${fields}`)).errors, [{ extensions: { code: 'invalid-refresh-token' } }], reason)
    }
  })
})
