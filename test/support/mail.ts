import { setTimeout as after } from 'node:timers/promises'

interface Mail { subject: string, text: string }

async function get<Body> (url: string): Promise<Body> {
  return await (await fetch(url)).json() as Body
}

/** @param mailsTo - the mails to an address, oldest first */
function inbox (mailsTo: (email: string) => Promise<Mail[]>) {
  /** Waits for a mail to this address with this subject. */
  const mailTo = async (email: string, subject: string): Promise<Mail> => {
    for (;;) {
      const mail = (await mailsTo(email)).findLast(mail => mail.subject === subject)
      if (mail !== undefined) return mail
      // The sandbox runs in the same process.
      await after(5)
    }
  }
  return {
    mailsTo,
    mailTo,
    /** Waits for the mail, and returns the token of its link. */
    tokenTo: async (email: string, subject: string): Promise<string> => {
      const { text } = await mailTo(email, subject)
      return /#token=(\S+)/.exec(text)?.[1] ?? ''
    }
  }
}

export type Inbox = ReturnType<typeof inbox>

/** The mails that a sandbox has caught. */
export function inboxOf (hasuraUrl: string): Inbox {
  return inbox(async (email) => {
    const mails = await get<Array<Mail & { to: string }>>(`${hasuraUrl}/inbox.json`)
    return mails.filter(({ to }) => to === email)
  })
}

/**
 * The mails that Mailpit has caught.
 *
 * @param url - its base URL
 */
export function mailpitOf (url: string): Inbox {
  return inbox(async (email) => {
    const query = encodeURIComponent(`to:"${email}"`)
    const { messages } = await get<{ messages: Array<{ ID: string }> }>(`${url}/api/v1/search?query=${query}`)
    const mails = await Promise.all(messages.map(async ({ ID }) => (
      get<{ Subject: string, Text: string }>(`${url}/api/v1/message/${ID}`)
    )))
    // Mailpit lists the newest first.
    return mails.reverse().map(({ Subject: subject, Text: text }) => ({ subject, text }))
  })
}

/** The subjects of the mails. */
export const subjects = {
  reset: 'Reset your password',
  verify: 'Confirm your email address',
  change: 'Confirm your new email address',
  taken: 'Your email address is already in use',
  passwordChanged: 'Your password was changed',
  emailChanged: 'Your email address was changed',
  deleted: 'Your account was deleted'
}
