import { here } from './home.svelte'

/** An answer of the server on its way: the last value stays visible while a newer one is fetched. */
export interface Remote<T> {
  readonly value: T | undefined
  readonly error: unknown
  readonly loading: boolean
  reload(): Promise<void>
}

export function remote<T, D>(depends: () => D, ask: (on: D, signal: AbortSignal) => Promise<T>, everyMs?: number): Remote<T> {
  let value = $state.raw<T | undefined>(undefined)
  let error = $state.raw<unknown>(undefined)
  let loading = $state(true)
  let abort: AbortController | undefined

  async function load(on: D): Promise<void> {
    abort?.abort()
    const mine = new AbortController()
    abort = mine
    loading = true
    try {
      const answer = await ask(on, mine.signal)
      if (mine.signal.aborted) return
      value = answer
      error = undefined
    } catch (reason) {
      if (mine.signal.aborted) return
      error = reason
    }
    loading = false
  }

  $effect(() => {
    const on = depends()
    void here.entries
    void load(on)
    const timer = everyMs === undefined ? undefined : setInterval(() => document.visibilityState === 'visible' && void load(on), everyMs)
    return () => {
      clearInterval(timer)
      abort?.abort()
    }
  })

  return {
    get value() {
      return value
    },
    get error() {
      return error
    },
    get loading() {
      return loading
    },
    reload: () => load(depends()),
  }
}
