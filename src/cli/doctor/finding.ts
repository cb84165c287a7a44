/** The result of one check. `unknown` means that it could not run, which is no fault. */
export interface Finding { check: string, state: 'ok' | 'failed' | 'unknown', text: string }

export function ok (check: string, text: string): Finding {
  return { check, state: 'ok', text }
}

/** @param text - what is wrong, a colon, and the remedy */
export function failed (check: string, text: string): Finding {
  return { check, state: 'failed', text }
}

export function unknown (check: string, text: string): Finding {
  return { check, state: 'unknown', text }
}
