import { catchMail } from '../src/sandbox/mail-catcher.ts'
import { compareTimes } from './compare-times.ts'
import type { Kind } from './compare-times.ts'
import type { Context, Report } from './report.ts'
import { startHasura, startService } from './servers.ts'

/** One email or user per request, because of the limits of each recipient. */
const kinds: Record<string, Kind[]> = {
  RequestPasswordReset: [
    { name: 'known email', body: (number: number) => ({ email: `known-${number}@bench.test` }) },
    { name: 'unknown email', body: (number: number) => ({ email: `unknown-${number}@bench.test` }) },
    { name: 'email beyond its limit', body: () => ({ email: 'known-limited@bench.test' }) }
  ].map(({ name, body }) => ({ name, path: '/request-password-reset', body: number => ({ input: body(number) }) })),
  // The stand-in knows the users with ids below a million. The emails of the odd ids are verified.
  SendVerification: [
    { name: 'unverified email', userId: (number: number) => 10_000 + 2 * number },
    { name: 'verified email', userId: (number: number) => 10_001 + 2 * number },
    { name: 'email beyond its limit', userId: () => 500_000 },
    { name: 'ended session', userId: (number: number) => 1_100_000 + number }
  ].map(({ name, userId }) => ({
    name,
    path: '/send-verification',
    body: number => ({ input: {}, session_variables: { 'x-hasura-role': 'user', 'x-hasura-user-id': String(userId(number)) } })
  }))
}

/** Whether the time of an answer reveals if there is an account, or a mail. The mails go to a real SMTP server. */
export async function mailTiming ({ isQuick, cost, progress }: Context): Promise<Report> {
  const [warmUp, rounds] = isQuick ? [0, 5] : [50, 1000]
  const catcher = await catchMail(() => { /* quiet */ })
  const { url } = await startService(await startHasura(cost), cost, {
    TOKEN_SECRET: 'token-secret-of-the-bench-of-32-characters',
    SMTP_URL: catcher.url,
    MAIL_FROM: 'bench@bench.test',
    APP_URL: 'https://bench.test'
  })
  const rows: string[][] = []
  const notes: string[] = []
  let reveals = false
  for (const [action, ofAction] of Object.entries(kinds)) {
    progress(`${action}: ${rounds} requests of each kind`)
    const table = await compareTimes({ url, kinds: ofAction, rounds, warmUp, expected: '"ok":true' })
    rows.push(...table.rows.map(([name, ...cells]) => [`${action}, ${String(name)}`, ...cells]))
    notes.push(...table.notes)
    reveals ||= table.differ
  }
  await catcher.close()
  return {
    title: 'The time of a request for mail',
    columns: ['request', 'median', 'ratio'],
    rows,
    notes,
    ...!isQuick && reveals && { failure: 'The time of a request for mail reveals whether a mail goes out' }
  }
}
