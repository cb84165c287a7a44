import t from 'tap'
import { noBrowser, openPage } from './support/browser.ts'
import { sandbox } from './support/sandbox.ts'

t.test('GraphiQL runs Signup in a browser that reaches nothing but the sandbox', { skip: noBrowser }, async (t) => {
  const { hasuraUrl } = await sandbox(t)
  const page = await openPage(t)
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
