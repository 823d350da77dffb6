import { Refusal, type Door } from './door'

const AGAIN_MS = 5_000
const AGAIN_MOST_MS = 5 * 60_000
const LASTED_MS = 30_000

/** Listens for the server's word that something has changed. A hint that is lost only makes the phone later. */
export class Hints {
  private stopping: AbortController | null = null
  private failures = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private open = false

  constructor(
    private readonly door: Door,
    private readonly changed: () => void,
    private readonly random: () => number = Math.random,
  ) {}

  /** Whether a word would come by itself just now, so that nobody needs to ask. */
  get listening(): boolean {
    return this.open
  }

  start(): void {
    if (this.stopping) return
    this.stopping = new AbortController()
    void this.listen(this.stopping.signal)
  }

  stop(): void {
    clearTimeout(this.timer)
    this.stopping?.abort()
    this.stopping = null
    this.open = false
    this.failures = 0
  }

  private async listen(signal: AbortSignal): Promise<void> {
    this.open = true
    const begun = Date.now()
    let refused = false
    try {
      await this.door.listen(
        '/v1/sync/stream',
        (event) => {
          if (event === 'changed') this.changed()
        },
        signal,
      )
    } catch (error) {
      refused = error instanceof Refusal
    }
    if (signal.aborted) return
    this.open = false
    // One that lasted was ended to give others their turn, and may come back soon.
    this.failures = Date.now() - begun > LASTED_MS ? 0 : this.failures + 1
    const wait = refused ? AGAIN_MOST_MS : Math.min(AGAIN_MOST_MS, AGAIN_MS * 2 ** Math.min(this.failures, 8))
    this.timer = setTimeout(() => this.anew(signal), wait / 2 + (this.random() * wait) / 2)
  }

  private anew(signal: AbortSignal): void {
    // Whatever was said while nobody listened is asked for now.
    this.changed()
    void this.listen(signal)
  }
}

/** What the browser gives to be woken by; a `PushSubscription` will do. */
export interface Waking {
  endpoint: string
  toJSON(): { keys?: Record<string, string> }
}

/** Tell the server where this phone can be woken while it sleeps. */
export async function wakeMe(door: Door, { pushManager }: Pick<ServiceWorkerRegistration, 'pushManager'>): Promise<Waking> {
  const { public_key } = await door.call<{ public_key: string }>('GET', '/v1/sync/push-key')
  const waking =
    (await pushManager.getSubscription()) ??
    (await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: public_key }))
  const { p256dh, auth } = waking.toJSON().keys ?? {}
  await door.call('PUT', '/v1/sync/push-subscription', { body: { endpoint: waking.endpoint, keys: { p256dh, auth } } })
  return waking
}

/** Be left to sleep again: when somebody signs out, the next person on this phone is not woken for them. */
export async function letMeSleep(door: Door, { pushManager }: Pick<ServiceWorkerRegistration, 'pushManager'>): Promise<void> {
  const waking = await pushManager.getSubscription()
  if (!waking) return
  await door.call('DELETE', '/v1/sync/push-subscription')
  await waking.unsubscribe()
}
