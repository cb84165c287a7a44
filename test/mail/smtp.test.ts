import { Socket } from 'node:net'
import { hash } from '@node-rs/argon2'
import t from 'tap'
import type { Test } from 'tap'
import { concurrency, maxLength, pauses } from '../../src/mail/mail-queue.ts'
import { replace } from '../support/replace.ts'
import { hasuraOf, service } from '../support/service.ts'
import { faultySmtpServer, holdTimeouts, mailSettings, until } from '../support/smtp-servers.ts'
import type { SmtpFault, SmtpStep } from '../support/smtp-servers.ts'
import { stalledServer } from '../support/stalled-server.ts'

const mail = { name: 'reset-password', to: 'somebody@b.test', token: 'a-mailed-token' } as const
const input = { email: 'a@b.test', password: 'a-password' }
const stored = await hash(input.password, { memoryCost: 8, timeCost: 1, parallelism: 1 })

/** A service with one user who can log in, and what its log and its metrics say about mails. */
async function serviceWithUser (t: Test, env: Record<string, string>) {
  const user = { id: 1, password: stored, default_role: 'user', disabled_at: null, email_verified_at: null, roles: [] }
  const { url } = await hasuraOf(t, {
    UserByEmail: { data: { user: [user] } }, StartSession: { data: { update_user: { affected_rows: 1 } } }
  })
  const { fastify, log, call } = await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: url })
  await fastify.ready()
  let sent = 0
  const lines = (msg: string) => log().filter(line => line['msg'] === msg)
  return {
    fastify,
    log,
    // Each to another recipient, because of the limits of a recipient.
    send: () => { fastify.mail?.send({ ...mail, to: `${++sent}${mail.to}` }) },
    retried: () => lines('a mail could not be sent and is tried again'),
    givenUp: () => lines('a mail was given up'),
    count: async (outcome: string): Promise<number | undefined> => {
      const { values } = await fastify.metrics.getSingleMetric('hasura_jwt_auth_mails_total')?.get() ?? { values: [] }
      return values.find(({ labels }) => labels['mail'] === mail.name && labels['outcome'] === outcome)?.value
    },
    login: async () => (await call('/login', input)).status
  }
}

const close: SmtpFault = (socket) => { socket.destroy() }
const reset: SmtpFault = (socket) => { socket.resetAndDestroy() }
const garbage = '\u0000\u00ff somebody@b.test'

/** A server with a fault at one step, and what the log says about the mail: for good, or after some tries. */
const table: Array<[string, SmtpStep, SmtpFault, 'failed' | 'refused', object]> = [
  ['closes the connection', 'greeting', close, 'failed', { code: 'ECONNECTION' }],
  ['closes the connection', 'EHLO', close, 'failed', { code: 'ECONNECTION' }],
  ['closes the connection', 'MAIL', close, 'failed', { code: 'ECONNECTION' }],
  ['closes the connection', 'RCPT', close, 'failed', { code: 'ECONNECTION' }],
  ['closes the connection', 'DATA', close, 'failed', { code: 'ECONNECTION' }],
  ['closes the connection', 'content', close, 'failed', { code: 'ECONNECTION' }],
  ['resets the connection', 'content', reset, 'failed', { code: 'ESOCKET', originalCode: 'ECONNRESET' }],
  ['answers 421', 'greeting', '421 somebody@b.test', 'failed', { code: 'EPROTOCOL', responseCode: 421, command: 'CONN' }],
  ['answers 554', 'greeting', '554 somebody@b.test', 'failed', { code: 'EPROTOCOL', responseCode: 554, command: 'CONN' }],
  ['answers 421', 'EHLO', '421 somebody@b.test', 'failed', { code: 'ECONNECTION', responseCode: 421, command: 'EHLO' }],
  ['answers 451', 'MAIL', '451 somebody@b.test', 'failed', { code: 'EENVELOPE', responseCode: 451, command: 'MAIL FROM' }],
  ['answers 550', 'MAIL', '550 somebody@b.test', 'refused', { code: 'EENVELOPE', responseCode: 550, command: 'MAIL FROM' }],
  ['answers 421', 'RCPT', '421 somebody@b.test', 'failed', { code: 'EENVELOPE', responseCode: 421, command: 'RCPT TO' }],
  ['answers 450', 'RCPT', '450 somebody@b.test', 'failed', { code: 'EENVELOPE', responseCode: 450, command: 'RCPT TO' }],
  ['answers 503', 'RCPT', '503 somebody@b.test', 'failed', { code: 'EENVELOPE', responseCode: 503, command: 'RCPT TO' }],
  ['answers 550', 'RCPT', '550-no\r\n550 somebody@b.test', 'refused', { code: 'EENVELOPE', responseCode: 550, command: 'RCPT TO' }],
  ['answers 451', 'DATA', '451 somebody@b.test', 'failed', { responseCode: 451, command: 'DATA' }],
  ['answers 452', 'content', '452 somebody@b.test', 'failed', { code: 'EMESSAGE', responseCode: 452, command: 'DATA' }],
  ['answers 554', 'content', '554 somebody@b.test', 'refused', { code: 'EMESSAGE', responseCode: 554, command: 'DATA' }],
  ['answers garbage', 'greeting', garbage, 'failed', { code: 'EPROTOCOL' }],
  ['answers garbage', 'RCPT', garbage, 'failed', { code: 'EENVELOPE' }],
  ['answers a line of 2 MB', 'EHLO', '2'.repeat(2_000_000), 'failed', { code: 'EPROTOCOL' }]
]
t.test('a mail that the SMTP server does not take is tried again or given up, and no login waits for it', async (t) => {
  holdTimeouts(t)
  const server = await faultySmtpServer(t)
  const { send, login, log, retried, givenUp, count } = await serviceWithUser(t, server.settings)
  for (const [index, [what, step, fault, reason, details]] of table.entries()) {
    const before = retried().length
    // So that it connects anew.
    for (const socket of server.sockets) socket.destroy()
    server.faults = { [step]: fault }
    server.steps.splice(0)
    send()
    await until(() => server.steps.includes(step))
    t.equal(await login(), 200)
    await until(() => givenUp().length > index)
    const level = reason === 'refused' ? 40 : 50
    t.match(givenUp().at(-1), { level, mail: mail.name, reason, ...details }, `${what} at ${step}`)
    t.equal(retried().length - before, reason === 'refused' ? 0 : pauses.length)

    server.faults = {}
    send()
    await until(async () => await count('sent') === index + 1)
  }
  t.equal(givenUp().length, table.length)
  t.equal(await count('failed'), table.filter(([, , , reason]) => reason === 'failed').length)
  t.equal(await count('refused'), table.filter(([, , , reason]) => reason === 'refused').length)
  for (const secret of [mail.to, mail.token, 'Reset']) t.notMatch(JSON.stringify(log()), secret)
})

/** Ends the time of a try whenever there is another one, until the mail is given up. */
async function passUntil (pass: () => void, tries: () => number, isGivenUp: () => boolean): Promise<void> {
  let passed = 0
  await until(() => {
    if (passed < tries()) pass()
    passed = tries()
    return isGivenUp()
  })
}

t.test('a server that hangs delays no login, and a mail is given up after the time for a few tries', async (t) => {
  const { pass } = holdTimeouts(t)
  const server = await faultySmtpServer(t)
  const { send, login, retried, givenUp, count } = await serviceWithUser(t, server.settings)
  for (const [index, step] of (['greeting', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'content'] as const).entries()) {
    const before = retried().length
    let hangs = 0
    for (const socket of server.sockets) socket.destroy()
    server.faults = { [step]: () => { hangs++ } }
    send()
    await until(() => hangs === 1)
    t.equal(await login(), 200, step)
    t.equal(retried().length, before, 'the first try has not ended')
    await passUntil(pass, () => hangs, () => givenUp().length > index)
    t.match(givenUp().at(-1), { mail: mail.name, reason: 'failed', code: 'EABORT' })
    t.equal(hangs, pauses.length + 1)

    server.faults = {}
    send()
    await until(async () => await count('sent') === index + 1)
  }
})

t.test('a server that answers without an end, byte by byte, is given up like one that hangs', async (t) => {
  const { pass } = holdTimeouts(t)
  let trickles = 0
  const { settings } = await faultySmtpServer(t, {
    EHLO (socket) {
      trickles++
      const timer = setInterval(() => { socket.write('2') }, 5)
      socket.once('close', () => { clearInterval(timer) })
    }
  })
  const { send, login, givenUp } = await serviceWithUser(t, settings)
  send()
  await until(() => trickles === 1)
  t.equal(await login(), 200)
  await passUntil(pass, () => trickles, () => givenUp().length > 0)
  t.match(givenUp(), [{ reason: 'failed', code: 'EABORT' }])
})

t.test('a host that drops every packet is given up, too', async (t) => {
  const { pass } = holdTimeouts(t)
  const { port } = await stalledServer(t, '127.0.0.1')
  const { send, login, retried, givenUp } = await serviceWithUser(t, { ...mailSettings, SMTP_URL: `smtp://127.0.0.1:${port}` })
  send()
  t.equal(await login(), 200)
  await until(() => {
    pass()
    return givenUp().length > 0
  })
  t.match(givenUp(), [{ reason: 'failed', code: 'EABORT' }])
  t.equal(retried().length, pauses.length)
})

t.test('a port at which nothing listens is tried again, and named in the log', async (t) => {
  holdTimeouts(t)
  const { send, login, retried, givenUp } = await serviceWithUser(t, mailSettings)
  send()
  t.equal(await login(), 200)
  await until(() => givenUp().length > 0)
  const details = { mail: mail.name, code: 'ESOCKET', originalCode: 'ECONNREFUSED', command: 'CONN' }
  t.match(givenUp(), [{ level: 50, reason: 'failed', ...details }])
  t.match(retried(), pauses.map(() => ({ level: 40, ...details })))
})

t.test('a connection that is silent for 30 seconds is closed, before and after the greeting', async (t) => {
  for (const step of ['greeting', 'EHLO'] as const) {
    await t.test(step, async (t) => {
      const { pass } = holdTimeouts(t, milliseconds => milliseconds > 20_000 && milliseconds <= 30_000)
      const sockets = holdSocketTimeouts(t, 30_000)
      let hangs = 0
      const { settings } = await faultySmtpServer(t, { [step]: () => { hangs++ } })
      const { send, givenUp } = await serviceWithUser(t, settings)
      send()
      await passUntil(() => {
        if (step === 'greeting') pass()
        else for (const socket of sockets.splice(0)) socket.emit('timeout')
      }, () => hangs, () => givenUp().length > 0)
      t.match(givenUp(), [{ reason: 'failed', code: 'ETIMEDOUT' }])
    })
  }
})

/** The sockets of nodemailer, which close after this silence. */
function holdSocketTimeouts (t: Test, milliseconds: number): Socket[] {
  const sockets: Socket[] = []
  type SetTimeout = (this: Socket, timeout: number, callback?: () => void) => Socket
  const { setTimeout: original } = Socket.prototype as { setTimeout: SetTimeout }
  replace(t, Socket.prototype, 'setTimeout', function (this: Socket, timeout: number, callback?: () => void) {
    if (timeout === milliseconds) sockets.push(this)
    return original.call(this, timeout, callback)
  })
  return sockets
}

t.test('connections that hang after a refused mail are closed, so that others are sent', async (t) => {
  const sockets = holdSocketTimeouts(t, 30_000)
  let hangs = 0
  const server = await faultySmtpServer(t, { RCPT: '550 no', RSET: () => { hangs++ } })
  const { send, givenUp, count } = await serviceWithUser(t, server.settings)
  for (let connection = 0; connection < concurrency; connection++) send()
  await until(() => hangs === concurrency)
  t.equal(givenUp().length, concurrency)
  server.faults = {}
  send()
  for (const socket of sockets) socket.emit('timeout')
  await until(async () => await count('sent') === 1)
})

t.test('a server that has closed an idle connection gets the next mail over another one, without a retry', async (t) => {
  const { settings, sockets, steps } = await faultySmtpServer(t)
  const { send, retried, count } = await serviceWithUser(t, settings)
  for (let sent = 1; sent <= 3; sent++) {
    send()
    await until(async () => await count('sent') === sent)
    for (const socket of sockets) socket.destroy()
  }
  t.equal(steps.filter(step => step === 'greeting').length, 3)
  t.equal(retried().length, 0)
})

t.test('a connection is used for several mails', async (t) => {
  const { settings, steps } = await faultySmtpServer(t)
  const { send, count } = await serviceWithUser(t, settings)
  for (let sent = 1; sent <= 3; sent++) {
    send()
    await until(async () => await count('sent') === sent)
  }
  t.strictSame(steps, ['greeting', 'EHLO', ...Array.from({ length: 3 }, () => ['MAIL', 'RCPT', 'DATA', 'content']).flat()])
})

t.test('with a full queue mails are dropped, and logins are answered', async (t) => {
  let hangs = 0
  const { settings } = await faultySmtpServer(t, { greeting: () => { hangs++ } })
  const { send, login, givenUp, count } = await serviceWithUser(t, settings)
  for (let mails = 0; mails < maxLength; mails++) send()
  t.equal(givenUp().length, 0)
  await until(() => hangs === concurrency)
  for (let mails = 0; mails < 2; mails++) send()
  t.match(givenUp(), [{ level: 50, mail: mail.name, reason: 'dropped' }, { reason: 'dropped' }])
  t.equal(await count('dropped'), 2)
  t.equal(await login(), 200)
  t.equal(hangs, concurrency)
})
