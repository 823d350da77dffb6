import type { Replica } from '@fieldwright/sync'
import { phone } from './home.svelte'

/** Ask the phone's own database, again whenever the answer may have changed. */
export function live<T, D>(depends: () => D, ask: (replica: Replica, on: D) => Promise<T>): { readonly value: T | undefined } {
  let value = $state.raw<T | undefined>(undefined)
  $effect(() => {
    const on = depends()
    const subscription = phone()
      .replica.watch((replica) => ask(replica, on))
      .subscribe({
        next: (answer) => (value = answer),
        error: (error: unknown) => console.error(error),
      })
    return () => subscription.unsubscribe()
  })
  return {
    get value() {
      return value
    },
  }
}
