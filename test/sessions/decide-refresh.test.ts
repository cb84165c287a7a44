import t from 'tap'
import { decideRefresh } from '../../src/sessions/decide-refresh.ts'
import type { RefreshState } from '../../src/sessions/decide-refresh.ts'

/** A request on its way to the service, or an answer on its way back to the client. */
interface InFlight { presented: number, sentAt: number, answer?: number }

interface State {
  now: number
  session: RefreshState
  /** The generation of the token that all tabs share, as in a cookie jar. */
  jar: number
  lost: number
  inFlight: InFlight[]
}

interface Bounds {
  grace: number
  /** Ticks from the request to its answer, at most. */
  latency: number
  ticks: number
  requests: number
  /** Answers that get lost. The client repeats such a request at once. */
  losses: number
  /** Whether an answer to the current token repeats that token. */
  echo?: boolean
}

/** A number, or undefined if the session ended. */
function refresh (session: RefreshState, presented: number, now: number, { grace, echo }: Bounds) {
  switch (decideRefresh(session, presented, now - grace)) {
    case 'swap': return { session: { generation: presented + 1, refreshedAt: now }, answer: presented + 1 }
    case 'again': return { session, answer: presented + 1 }
    // Without the echo, the client keeps whatever it has by then.
    case 'keep': return { session, answer: echo === true ? presented : -1 }
    default: return undefined
  }
}

/** Every state that can follow; undefined if an honest client loses its session. */
function following (state: State, bounds: Bounds): State[] | undefined {
  const { now, inFlight, lost } = state
  const states: State[] = []
  const isTimeLeft = inFlight.every(({ sentAt }) => now + 1 - sentAt <= bounds.latency)
  if (now < bounds.ticks && isTimeLeft) states.push({ ...state, now: now + 1 })
  const sent = { presented: state.jar, sentAt: now }
  if (inFlight.length < bounds.requests) states.push({ ...state, inFlight: [...inFlight, sent] })
  for (const [index, { presented, sentAt, answer }] of inFlight.entries()) {
    const others = inFlight.filter((_, other) => other !== index)
    if (answer === undefined) {
      const result = refresh(state.session, presented, now, bounds)
      if (result === undefined) return undefined
      const answered = { presented, sentAt, answer: result.answer }
      states.push({ ...state, session: result.session, inFlight: [...others, answered] })
      continue
    }
    states.push({ ...state, jar: answer === -1 ? state.jar : answer, inFlight: others })
    if (lost < bounds.losses) states.push({ ...state, lost: lost + 1, inFlight: [...others, sent] })
  }
  return states
}

function keyOf ({ now, session, jar, lost, inFlight }: State): string {
  const sorted = inFlight.map(({ presented, sentAt, answer }) => [presented, sentAt, answer].join()).sort().join(';')
  return [now, session.generation, session.refreshedAt, jar, lost, sorted].join('|')
}

/** Explores every order of events with honest clients. Returns the number of states; undefined if a session is lost. */
function explore (bounds: Bounds): number | undefined {
  const start: State = { now: 0, session: { generation: 0, refreshedAt: 0 }, jar: 0, lost: 0, inFlight: [] }
  const seen = new Set([keyOf(start)])
  const queue = [start]
  for (const state of queue) {
    const next = following(state, bounds)
    if (next === undefined) return undefined
    for (const following of next) {
      const key = keyOf(following)
      if (seen.has(key)) continue
      seen.add(key)
      queue.push(following)
    }
  }
  return seen.size
}

t.test('in every order of events, an honest client keeps its session', async (t) => {
  const table: Array<[Bounds, number]> = [
    [{ grace: 3, latency: 1, ticks: 7, requests: 3, losses: 0 }, 1000],
    [{ grace: 5, latency: 2, ticks: 11, requests: 3, losses: 0 }, 5000],
    [{ grace: 4, latency: 1, ticks: 9, requests: 3, losses: 1 }, 4000],
    [{ grace: 7, latency: 2, ticks: 12, requests: 2, losses: 1 }, 2000]
  ]
  for (const [bounds, atLeast] of table) t.ok(Number(explore(bounds)) > atLeast, JSON.stringify(bounds))
})

t.test('a shorter grace, or an answer that repeats the current token, loses a session', async (t) => {
  const table: Bounds[] = [
    { grace: 2, latency: 1, ticks: 7, requests: 3, losses: 0 },
    { grace: 3, latency: 1, ticks: 9, requests: 3, losses: 1 },
    { grace: 3, latency: 1, ticks: 7, requests: 3, losses: 0, echo: true }
  ]
  for (const bounds of table) t.equal(explore(bounds), undefined, JSON.stringify(bounds))
})

t.test('each decision, around the bounds of the grace', async (t) => {
  const table: Array<[generation: number, refreshedAt: number, presented: number, decision: string]> = [
    [5, 99, 5, 'swap'], [5, 100, 5, 'swap'], [5, 101, 5, 'keep'],
    [6, 99, 5, 'reuse'], [6, 100, 5, 'again'], [6, 101, 5, 'again'],
    [7, 99, 5, 'reuse'], [7, 200, 5, 'reuse'],
    [4, 99, 5, 'refuse'], [4, 200, 5, 'refuse']
  ]
  for (const [generation, refreshedAt, presented, decision] of table) {
    t.equal(decideRefresh({ generation, refreshedAt }, presented, 100), decision)
  }
})
