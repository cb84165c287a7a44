/** RFC 3986, with a scheme: letters outside ASCII, halves of escapes and stray brackets are none of it. */
function uriPattern (): RegExp {
  const character = '[\\w.~!$&\'()*+,;=-]|%[\\da-f]{2}'
  const authority = `//(?:(?:${character}|:)*@)?(?:\\[[\\da-f:.]+\\]|(?:${character})*)(?::\\d*)?`
  const path = `(?:${character}|[:@/])*`
  const rest = `(?:${character}|[:@/?])*`
  return new RegExp(`^[a-z][a-z\\d+.-]*:(?:${authority}(?:/${path})?|(?!//)${path})(?:\\?${rest})?(?:#${rest})?$`, 'i')
}

/** RFC 7519, section 2: with a colon in it, it must be a URI. Another `iss`, `aud` or `sub` Hasura does not read. */
export function isStringOrUri (value: unknown): value is string {
  return typeof value === 'string' && (!value.includes(':') || uriPattern().test(value))
}
