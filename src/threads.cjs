/**
 * The size of libuv's pool of threads. It is read at the pool's first use, and the loader of ES modules uses it before
 * the first line of any of them: so this runs before, by `node --require`.
 */
const { availableParallelism } = require('node:os')

/** Threads beside those for hashes, so that DNS and files do not wait for hashes. */
const room = 4
const { PASSWORD_CONCURRENCY, UV_THREADPOOL_SIZE } = process.env
const hashes = Number(PASSWORD_CONCURRENCY) || availableParallelism()
// As a plain number: of `1e3` libuv would read 1, and the configuration 1000.
const threads = UV_THREADPOOL_SIZE ? Number(UV_THREADPOOL_SIZE) : Math.min(hashes + room, 1024)
process.env['UV_THREADPOOL_SIZE'] = String(threads)
