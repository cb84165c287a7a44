import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { temporaryFolder } from './folders.ts'

/** Why a test that needs certificates is skipped; false if it can run. */
export const noOpenssl = !existsSync('/usr/bin/openssl') && 'there is no openssl in /usr/bin'

/** A certificate that no authority has signed. */
export function certificate (t: Test, names = 'IP:127.0.0.1,IP:0.0.0.0'): { key: string, cert: string } {
  const folder = temporaryFolder(t)
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync('/usr/bin/openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=mail.test',
    '-addext', `subjectAltName=${names}`, '-keyout', key, '-out', cert
  ], { stdio: 'ignore' })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
