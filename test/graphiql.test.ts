import t from 'tap'
import type { Page } from 'playwright-core'
import { openPage, skipBrowser } from './support/browser.ts'
import { sandbox } from './support/sandbox.ts'
import { tokenSecret } from './support/sessions.ts'

/** Runs the operation of the open tab. Returns the answer without white space. */
async function execute (page: Page): Promise<string> {
  // The button does nothing until both editors are loaded.
  await page.locator('.graphiql-query-editor .view-line').first().waitFor()
  const answer = page.locator('.result-window .view-lines')
  await answer.waitFor({ state: 'attached' })
  for (;;) {
    await page.getByRole('button', { name: /Execute query/ }).click()
    await answer.getByText(/"(data|errors)"/).first().waitFor()
    // The editor shows spaces as U+00A0.
    const text = (await answer.innerText()).replaceAll(/\s/g, '')
    // Right after a change of the tab, GraphiQL still names the operation of the previous tab.
    if (!text.includes('Cannotinferoperation')) return text
  }
}

t.test('GraphiQL signs up, logs in and reads the own row, and forgets the header when it is reloaded', { skip: skipBrowser }, async (t) => {
  const { hasuraUrl, graphql } = await sandbox(t, { env: tokenSecret })
  const page = await openPage(t)
  page.setDefaultTimeout(0)
  const elsewhere: string[] = []
  await page.route(url => url.origin !== hasuraUrl && url.protocol.startsWith('http'), async (route) => {
    elsewhere.push(route.request().url())
    await route.abort()
  })
  await page.goto(`${hasuraUrl}/graphiql`)
  const tabs = page.locator('.graphiql-tabs')
  await tabs.getByRole('button', { name: 'Me', exact: true }).waitFor()
  t.strictSame(await tabs.locator('.graphiql-tab-button').allInnerTexts(), ['Signup', 'Login', 'Refresh', 'Me'])
  t.match(await execute(page), /^\{"data":\{"Signup":\{"id":\d+,"email":"someone@test\.com"\}\}\}$/)

  // With the keyboard: GraphiQL ignores some clicks while its tabs are being animated.
  const openTab = async (name: string) => tabs.getByRole('button', { name, exact: true }).press('Enter')
  await openTab('Login')
  t.match(await execute(page), '{"data":{"Login":{"token":"eyJ')

  const { data } = await graphql('mutation { Login(email: "someone@test.com", password: "a-password") { token } }')
  const { Login: { token } } = data as { Login: { token: string } }
  await openTab('Me')
  await page.getByRole('button', { name: 'Headers' }).click()
  await page.locator('.graphiql-editor-tool .view-lines').last().click()
  // Between the quotes of the header that is there: { "Authorization": "Bearer " }
  for (const key of ['End', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft']) await page.keyboard.press(key)
  await page.keyboard.insertText(token)
  const row = /^\{"data":\{"user":\[\{"id":\d+,"email":"someone@test\.com","default_role":"user"\}\]\}\}$/
  t.match(await execute(page), row)

  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click()
  await page.locator('.graphiql-doc-explorer').getByText('query_root').click()
  await page.locator('.graphiql-doc-explorer').getByText('user', { exact: true }).first().waitFor()

  // Another GraphiQL on this address may have stored headers.
  await page.evaluate(`localStorage.setItem('graphiql:headers', '{ "Authorization": "Bearer stale" }')`)
  await page.reload()
  t.match(await execute(page), /field'user'notfound/)
  t.notMatch(await page.evaluate('JSON.stringify(localStorage)'), token)
  t.strictSame(elsewhere, [])
})
