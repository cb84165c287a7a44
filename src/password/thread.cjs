/** A thread that hashes, one hash after the other, with the libraries' synchronous calls. */
const { scryptSync } = require('node:crypto')
const { parentPort } = require('node:worker_threads')
const { hashSync, verifySync } = require('@node-rs/argon2')

/** @typedef {typeof calls} Calls */
const calls = {
  hashArgon2: hashSync,
  verifyArgon2: verifySync,
  /** @param {[password: string, hash: string]} args */
  // Loaded where there are such hashes: most have none.
  verifyBcrypt: (...args) => require('@node-rs/bcrypt').verifySync(...args),
  scrypt: scryptSync
}

parentPort?.on('message', (/** @type {[keyof Calls, unknown[]]} */ [name, args]) => {
  try {
    const call = /** @type {(...args: unknown[]) => unknown} */ (calls[name])
    parentPort?.postMessage({ result: call(...args) })
  } catch (error) {
    parentPort?.postMessage({ error })
  }
})
parentPort?.postMessage('ready')
