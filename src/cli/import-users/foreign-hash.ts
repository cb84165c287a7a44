const base64 = '([A-Za-z\\d+/]+={0,2})'
const springScrypt = new RegExp(String.raw`^\$([\da-f]{5,6})\$${base64}\$${base64}$`)
const djangoScrypt = new RegExp(String.raw`^scrypt\$(\d+)\$([^$]+)\$(\d+)\$(\d+)\$${base64}$`)

/** Spring's SCryptPasswordEncoder packs log2(N), r and p into a hexadecimal number: `$e0801$salt$hash`. */
function fromSpringScrypt (hash: string): string {
  return hash.replace(springScrypt, (_, packed: string, salt: string, key: string) => {
    const number = Number.parseInt(packed, 16)
    return `$scrypt$ln=${number >> 16},r=${number >> 8 & 0xff},p=${number & 0xff}$${salt}$${key}`
  })
}

/** Django's ScryptPasswordHasher: `scrypt$N$salt$r$p$hash`, where the salt is plain text. */
function fromDjangoScrypt (hash: string): string {
  return hash.replace(djangoScrypt, (_, n: string, salt: string, r: string, p: string, key: string) => (
    `$scrypt$ln=${Math.log2(Number(n))},r=${r},p=${p}$${Buffer.from(salt).toString('base64')}$${key}`
  ))
}

/**
 * Rewrites a hash from the notation of Spring or Django to the standard one. Only notations that name their algorithm
 * are rewritten. Every other text stays as it is.
 */
export function rewriteForeignHash (hash: string): string {
  const plain = hash
    // Spring's DelegatingPasswordEncoder: `{bcrypt}$2a$…`.
    .replace(/^\{(?:bcrypt|argon2|scrypt)(?:@SpringSecurity_v5_8)?\}/, '')
    // Django: `bcrypt$$2b$…`, `argon2$argon2id$…`. Not `bcrypt_sha256$`: there, bcrypt gets a SHA-256 of the password.
    .replace(/^(?:bcrypt\$(?=\$2[aby]\$)|argon2(?=\$argon2))/, '')
  return fromSpringScrypt(fromDjangoScrypt(plain))
}
