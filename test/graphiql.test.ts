import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import t from 'tap'
import { sandbox } from './support/sandbox.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const skip = executablePath === undefined && 'there is no Chromium in /usr/bin (on Debian: apt-get install chromium)'

t.test('GraphiQL runs Signup in a browser that reaches nothing but the sandbox', { skip }, async (t) => {
  const { hasuraUrl } = await sandbox(t)
  const browser = await chromium.launch({
    executablePath: String(executablePath),
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'
    ]
  })
  t.teardown(async () => browser.close())
  const page = await browser.newPage()
  const elsewhere: string[] = []
  await page.route(url => url.origin !== hasuraUrl && url.protocol.startsWith('http'), async (route) => {
    elsewhere.push(route.request().url())
    await route.abort()
  })
  await page.goto(hasuraUrl)
  await page.locator('.graphiql-query-editor .view-lines').click()
  await page.keyboard.press('Control+A')
  await page.keyboard.insertText('mutation { Signup(email: "browser@test.com", password: "a-password") { email } }')
  await page.getByRole('button', { name: /Execute query/ }).click()
  const answer = page.locator('.result-window .view-lines')
  await answer.getByText('browser@test.com').waitFor()
  t.match((await answer.innerText()).replaceAll(/\s/g, ''), '{"data":{"Signup":{"email":"browser@test.com"}}}')
  t.strictSame(elsewhere, [])
})
