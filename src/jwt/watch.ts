/** Milliseconds between two looks. */
const interval = 1000

/**
 * Looks again and again whether what `read` gives has changed, and hands it on once it has settled. A watch of the file
 * system would miss what Kubernetes and Docker do: they replace a link beside the file, or a mount below it.
 *
 * @param first - what has been read already
 * @param take - is given the new content, or the error of the reading; once for each
 * @returns ends it
 */
export function watch<Content> (
  { read, first, take }: { read: () => Promise<Content>, first: Content, take: (read: Promise<Content>) => unknown }
): () => void {
  let taken = JSON.stringify(first)
  let previous = taken
  let isClosed = false

  async function look (): Promise<void> {
    const reading = read()
    const found = await reading.then(content => JSON.stringify(content), String)
    // A file that is being written is read again until it is the same twice.
    const isSettled = found === previous
    previous = found
    if (!isSettled || found === taken) return
    taken = found
    await take(reading)
  }
  function wait (): NodeJS.Timeout {
    return setTimeout(() => {
      void look().finally(() => { if (!isClosed) timer = wait() })
    }, interval).unref()
  }
  let timer = wait()
  return () => {
    isClosed = true
    clearTimeout(timer)
  }
}
