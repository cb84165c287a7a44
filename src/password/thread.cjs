/** A worker thread that hashes, one hash after the other, with the synchronous calls of the libraries. */
const { scryptSync } = require('node:crypto')
const { parentPort } = require('node:worker_threads')
const argon2 = require('@node-rs/argon2')
const bcrypt = require('@node-rs/bcrypt')

/** @typedef {typeof calls} Calls */
const calls = {
  hashArgon2: argon2.hashSync,
  verifyArgon2: argon2.verifySync,
  verifyBcrypt: bcrypt.verifySync,
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
