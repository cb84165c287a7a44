import type { Test } from 'tap'

/**
 * Replaces a property of an object until the test ends, such as a function that reads a clock. tap's `t.intercept` also
 * records a stack at each read, which takes longer than the code that reads the clock.
 */
export function replace (t: Test, object: object, name: string, value: unknown): void {
  const own = Object.getOwnPropertyDescriptor(object, name)
  Object.defineProperty(object, name, { value, configurable: true, writable: true })
  t.teardown(() => {
    if (own === undefined) Reflect.deleteProperty(object, name)
    else Object.defineProperty(object, name, own)
  })
}
