import { here } from '../home.svelte'
import { withdraw } from '../toasts.svelte'

/** Say at once what was kept back for a while so that it could be undone; nothing offers to undo it any more. */
export async function sayHeld(): Promise<void> {
  withdraw()
  await here.client?.releaseHeld()
}
