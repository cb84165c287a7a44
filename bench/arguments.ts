/** What `read` makes of the arguments; where they are wrong, the process ends with the line that says how. */
export function readOrExit<Arguments> (read: () => Arguments): Arguments {
  try {
    return read()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  }
}
