/** Why a test that takes many seconds or processes is skipped; `false` if TEST_SLOW is set, as in .ci/run. */
export const skipSlow = process.env['TEST_SLOW'] === undefined
  && 'takes many seconds or processes: .ci/run runs it, and so does TEST_SLOW=1 npm test'
