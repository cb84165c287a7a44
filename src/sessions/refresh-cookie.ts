import type { FastifyReply, FastifyRequest } from 'fastify'

/** RFC 6265bis, section 4.1.3.2: a browser accepts this prefix only with Secure and Path=/, and without a domain. */
const name = '__Host-refresh_token'
const attributes = 'HttpOnly; Secure; SameSite=Strict; Path=/'

/** The refresh token in the cookies that Hasura forwards from the client; undefined without one. */
export function readRefreshCookie ({ headers: { cookie = '' } }: FastifyRequest): string | undefined {
  return new RegExp(`(?:^|; *)${name}=([^;]*)`).exec(cookie)?.[1]
}

/**
 * Gives the browser the refresh token. Scripts cannot read it.
 *
 * @param expiresAt - absolute expiry of the session, in seconds since 1970
 */
export function setRefreshCookie (reply: FastifyReply, token: string, expiresAt: number): void {
  const maxAge = expiresAt - Math.floor(Date.now() / 1000)
  void reply.header('set-cookie', `${name}=${token}; ${attributes}; Max-Age=${maxAge}`)
}

/** Tells the browser to delete the cookie. */
export function clearRefreshCookie (reply: FastifyReply): void {
  void reply.header('set-cookie', `${name}=; ${attributes}; Max-Age=0`)
}
