export const find = (selector, from = document) => from.querySelector(selector)

/** Makes an element. Strings among the children become text, never HTML. */
export function make (tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties)
  element.append(...children)
  return element
}

/** Runs an action of a person, and shows its error, or the message that it returns, in an `<output>`. */
export async function run (output, action) {
  try {
    const message = await action()
    output.className = ''
    output.textContent = message ?? ''
  } catch (error) {
    output.className = 'error'
    // `fetch` throws one of these if there is no answer.
    const isUnanswered = error instanceof TypeError || error.name === 'TimeoutError'
    const message = isUnanswered ? `The sandbox does not answer: ${error.message}` : error.message
    output.textContent = typeof error.code === 'string' ? `${message} (${error.code})` : message
  }
}

/** Runs an action, and ignores the button until it ends. A disabled button would lose the keyboard's focus. */
async function runOnce (button, output, action) {
  if (button.ariaDisabled === 'true') return
  button.ariaDisabled = 'true'
  await run(output, action)
  button.ariaDisabled = null
}

/** A button that runs an action. */
export function button (label, output, action, properties) {
  const element = make('button', { type: 'button', ...properties }, label)
  element.onclick = async () => runOnce(element, output, action)
  return element
}

/** Calls the action with the values of a form when it is submitted, and empties its passwords if that succeeds. */
export function onSubmit (form, action) {
  form.onsubmit = async (event) => {
    event.preventDefault()
    const submitter = event.submitter ?? find('button', form)
    await runOnce(submitter, find('output', form), async () => {
      const message = await action(Object.fromEntries(new FormData(form)), submitter.value)
      for (const input of form.querySelectorAll('[type=password]')) input.value = ''
      return message
    })
  }
}

const labelOf = control => control.ariaLabel ?? control.textContent

/**
 * Replaces the only child of an element. Equal content stays, so that no click is lost. The focus stays on the button
 * with the same label.
 */
export function replace (element, child) {
  if (element.firstElementChild?.isEqualNode(child)) return
  const focused = element.contains(document.activeElement) ? labelOf(document.activeElement) : undefined
  element.replaceChildren(child)
  if (focused) [...element.querySelectorAll('button')].find(button => labelOf(button) === focused)?.focus()
}

export const formatTime = time => time ? new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' }) : '–'

export function table (headings, rows) {
  const row = (tag, cells) => make('tr', {}, ...cells.map(cell => make(tag, {}, ...[cell].flat())))
  const body = make('tbody', {}, ...rows.map(cells => row('td', cells)))
  for (const tr of body.rows) headings.forEach((heading, index) => { tr.cells[index].dataset.label = heading })
  return make('table', {}, make('thead', {}, row('th', headings)), body)
}

/** Makes every `<button data-copy="#id">` copy the text of that element. */
export function prepareCopying () {
  for (const copier of document.querySelectorAll('[data-copy]')) {
    const label = copier.textContent
    copier.onclick = async () => {
      await navigator.clipboard.writeText(find(copier.dataset.copy).textContent)
      copier.textContent = 'Copied'
      setTimeout(() => { copier.textContent = label }, 2000)
    }
  }
}
