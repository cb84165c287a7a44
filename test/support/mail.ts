import type { CaughtMail } from '../../src/sandbox/mail-catcher.ts'

/** The mails that a sandbox has caught. */
export function inboxOf (hasuraUrl: string) {
  const mailsTo = async (email: string): Promise<CaughtMail[]> => {
    const response = await fetch(`${hasuraUrl}/inbox.json`)
    return (await response.json() as CaughtMail[]).filter(({ to }) => to === email)
  }
  /** Waits for a mail to this address with this subject. There may be older ones to others. */
  const mailTo = async (email: string, subject: string): Promise<CaughtMail> => {
    for (;;) {
      const mail = (await mailsTo(email)).findLast(mail => mail.subject === subject)
      if (mail !== undefined) return mail
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
