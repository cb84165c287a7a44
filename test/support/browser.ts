import { existsSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import type { Test } from 'tap'
import { skipSlow } from './slow.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

/** Why a test that needs a browser is skipped; `false` if a browser is installed. */
export const noBrowser = executablePath === undefined
  && 'there is no Chromium in /usr/bin (on Debian: apt-get install chromium)'

/** The same for the tests that `npm test` skips. A browser is many processes, so it runs only one test in a browser. */
export const skipBrowser = skipSlow || noBrowser

/** A browser that reaches nothing but this machine. Names that end in `.test` lead to it, too. */
export async function openBrowser (t: Test): Promise<Browser> {
  // Imported only when a browser starts, because the import takes half a second.
  const { chromium } = await import('playwright-core')
  const browser = await chromium.launch({
    executablePath: String(executablePath),
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'
    ]
  })
  t.teardown(async () => browser.close())
  return browser
}

/** A page in a browser of its own. */
export async function openPage (t: Test): Promise<Page> {
  const browser = await openBrowser(t)
  return browser.newPage()
}
