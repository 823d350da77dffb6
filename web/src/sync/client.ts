import { Copy, type Change, type Page, type PullAnswer } from './pull'
import { Refusal, Unreachable, type Door } from './door'
import { FileLane } from './files'
import type { Mutation, Saying } from './mutations'
import { Outbox, type Receipt } from './outbox'
import type { Author } from './overlay'
import { Replica } from './replica'
import type { Store, Trouble } from './store'

export const SCHEMA = 1

const BATCH_ROWS = 200
const BATCH_BYTES = 700_000
const PAGE_ROWS = 1000
/** The batch as a whole was not understood, or is too big. */
const UNREADABLE: readonly number[] = [400, 413, 422]
const TICK_MS = 60_000
const BACK_OFF_MS = 2_000
const BACK_OFF_MOST_MS = 120_000
const REPAIR_EVERY_MS = 24 * 3600_000
const UNDO_MS = 10_000

export type Phase = 'idle' | 'pushing' | 'pulling' | 'files' | 'waiting'

export interface ClientOptions {
  store: Store
  door: Door
  author: Author
  appVersion: string
  /** Called when the server has clearly ended the session, or taken the phone away. */
  onEnded?(kind: 'ended' | 'revoked'): void
  /** Called when the phone must be given a new device id; the person then signs in again. */
  newDevice?(): Promise<string>
  locks?: LockManager
  channel?: BroadcastChannel
  random?(): number
}

interface PushAnswer {
  results: Receipt[]
  last_seq: number
  server_time?: string
}

/** Keeps one account's phone and the server in agreement. */
export class SyncClient {
  readonly replica: Replica
  readonly outbox: Outbox
  readonly files: FileLane
  private readonly copy: Copy
  private phase: Phase = 'idle'
  private readonly listeners = new Set<(phase: Phase) => void>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private current: Promise<void> | null = null
  private again = false
  private failures = 0
  private leading = false
  private stopped = false
  private letGo: (() => void) | null = null
  private batchRows = BATCH_ROWS

  constructor(private readonly options: ClientOptions) {
    this.replica = new Replica(options.store, options.author)
    this.outbox = new Outbox(options.store)
    this.files = new FileLane(options.store, options.door)
    this.copy = new Copy(options.store)
  }

  /** Begin to sync in the background. Of several tabs the one that gets the lock leads; the others wake it. */
  start(): void {
    const { locks, channel, store } = this.options
    channel?.addEventListener('message', this.heard)
    globalThis.addEventListener?.('online', this.backInSignal)
    globalThis.document?.addEventListener('visibilitychange', this.seen)
    if (!locks) {
      this.leading = true
      this.nudge()
      return
    }
    const held = new Promise<void>((resolve) => (this.letGo = resolve))
    void locks.request(`fieldwright:leader:${store.name}`, () => {
      if (this.stopped) return
      this.leading = true
      this.nudge()
      return held
    })
  }

  stop(): void {
    this.stopped = true
    this.leading = false
    clearTimeout(this.timer)
    this.letGo?.()
    this.options.channel?.removeEventListener('message', this.heard)
    globalThis.removeEventListener?.('online', this.backInSignal)
    globalThis.document?.removeEventListener('visibilitychange', this.seen)
    this.listeners.clear()
  }

  onPhase(listen: (phase: Phase) => void): () => void {
    this.listeners.add(listen)
    listen(this.phase)
    return () => this.listeners.delete(listen)
  }

  /** Say something. It is safe on the phone when this returns, and sent as soon as there is a way. */
  async say(...sayings: Saying[]): Promise<string[]> {
    const ids = await this.outbox.add(sayings)
    this.nudge()
    return ids
  }

  /** Say something that can be taken back for a short while. */
  async sayWithUndo(...sayings: Saying[]): Promise<{ ids: string[]; until: number }> {
    const ids = await this.outbox.add(sayings, { holdMs: UNDO_MS })
    setTimeout(this.nudge, UNDO_MS + 50)
    return { ids, until: Date.now() + UNDO_MS }
  }

  async releaseHeld(): Promise<void> {
    await this.outbox.release(true)
    this.nudge()
  }

  async retry(id: string): Promise<void> {
    await this.outbox.retry(id)
    this.nudge()
  }

  private readonly heard = (event: MessageEvent): void => {
    const message = event.data as { wake?: true; phase?: Phase }
    if (message.wake && this.leading) void this.sync().catch(() => undefined)
    if (message.phase && !this.leading) this.tell(message.phase)
  }

  /** How often it failed without signal says nothing about the signal that has come: waiting starts short again. */
  private readonly backInSignal = (): void => {
    this.failures = 0
    this.nudge()
  }

  private readonly seen = (): void => {
    if (document.visibilityState === 'visible') this.backInSignal()
    // A page that is put away may never come back, so nothing stays held in it.
    else void this.outbox.release(true)
  }

  /** Look whether there is something to do, now, in whichever tab leads. */
  readonly nudge = (): void => {
    if (this.stopped) return
    if (this.leading) void this.sync().catch(() => undefined)
    else this.options.channel?.postMessage({ wake: true })
  }

  private tell(phase: Phase): void {
    this.phase = phase
    for (const listen of this.listeners) listen(phase)
    if (this.leading) this.options.channel?.postMessage({ phase })
  }

  /** Push, then pull, then send files. Calls that come meanwhile cause one more round. */
  sync(): Promise<void> {
    if (this.current) {
      this.again = true
      return this.current
    }
    clearTimeout(this.timer)
    this.current = this.rounds().finally(() => {
      this.current = null
    })
    return this.current
  }

  private async rounds(): Promise<void> {
    let wait = TICK_MS
    try {
      do {
        this.again = false
        await this.round()
      } while (this.again && !this.stopped)
      this.failures = 0
      this.tell('idle')
    } catch (error) {
      wait = await this.note(error)
      this.tell('waiting')
      throw error
    } finally {
      if (this.leading && !this.stopped) {
        const due = await this.outbox.release()
        const soon = due === null ? wait : Math.min(wait, Math.max(50, due - Date.now()))
        this.timer = setTimeout(this.nudge, soon)
      }
    }
  }

  private async round(): Promise<void> {
    const { store } = this.options
    await this.outbox.release()
    await this.push()
    await this.pull()
    await store.set('synced_at', Date.now())
    if ((await store.get('trouble'))?.kind !== 'diverged') await store.set('trouble', null)
    if ((await store.files.where('state').equals('waiting').count()) > 0) {
      this.tell('files')
      // A new mutation must not wait for a picture, so it starts a round of its own beside the lane.
      await Promise.race([this.files.send(), this.interrupted()])
    }
  }

  private async interrupted(): Promise<void> {
    while (!this.again && !this.stopped) await new Promise((resolve) => setTimeout(resolve, 200))
  }

  async push(): Promise<void> {
    let from: number | undefined
    for (;;) {
      const batch = await this.outbox.batch(this.batchRows, BATCH_BYTES, from)
      if (batch.length === 0) return
      this.tell('pushing')
      await this.outbox.markSent(batch)
      try {
        const answer = await this.knock(batch)
        await this.noteClock(answer.server_time)
        await this.outbox.settle(answer.results)
        from = undefined
        this.batchRows = BATCH_ROWS
      } catch (error) {
        from = await this.afterPushRefused(error, batch, from)
      }
    }
  }

  private async knock(batch: readonly Mutation[]): Promise<PushAnswer> {
    const { store, door, appVersion } = this.options
    const unsent = await this.outbox.unsent()
    return door.call<PushAnswer>('POST', '/v1/sync/push', {
      body: {
        device_id: await store.get('device_id'),
        app_version: appVersion,
        schema: SCHEMA,
        // What is left when this has arrived, which is what the office wants to know.
        unsent: unsent.filter((each) => !batch.some(({ id }) => id === each.id)).length,
        confirmed_seq: (await store.get('confirmed_seq')) ?? 0,
        device_time: new Date().toISOString(),
        mutations: batch.map(({ id, seq, type, happened_at, base, depends_on, args }) => ({
          id,
          seq,
          type,
          happened_at,
          base,
          depends_on,
          args,
        })),
      },
    })
  }

  /** Return the number to send from, or throw what cannot be mended here. */
  private async afterPushRefused(error: unknown, batch: readonly Mutation[], from: number | undefined): Promise<number | undefined> {
    if (!(error instanceof Refusal)) throw error
    if (UNREADABLE.includes(error.status)) {
      // Halving finds the one that spoils the batch; what stands before it is sent on the way.
      if (batch.length > 1) this.batchRows = Math.ceil(batch.length / 2)
      else await this.leaveOut(batch[0]!, error)
      return from
    }
    if (error.status !== 409) throw error
    if (error.code === 'gap') {
      const expected = Number(error.details.expected_seq)
      const [next] = await this.outbox.batch(1, BATCH_BYTES, expected)
      if (next?.seq === expected && expected !== batch[0]!.seq) return expected
      // What the server misses is no longer here: it has lost it, and only a new device can count on.
      await this.becomeAnotherDevice()
    }
    if (error.code === 'device_forked') await this.becomeAnotherDevice()
    throw error
  }

  /** Set one mutation aside, but only when it is the mutation that the server minds and not the phone itself. */
  private async leaveOut(mutation: Mutation, error: Refusal): Promise<void> {
    await this.knock([])
    await this.outbox.park(mutation.id, { code: error.code, message: error.message, details: error.details })
    this.batchRows = BATCH_ROWS
  }

  private async becomeAnotherDevice(): Promise<never> {
    const { store, newDevice } = this.options
    await this.outbox.renumber()
    if (newDevice) await store.set('device_id', await newDevice())
    await this.copy.beginAfresh()
    throw new Refusal(409, 'device_forked', 'This phone must sign in again.', {}, null, null)
  }

  async pull(): Promise<void> {
    const { store, door } = this.options
    const begun = Date.now()
    let changed = false
    this.tell('pulling')
    for (;;) {
      const { fresh, cursor } = await this.copy.cursor()
      const answer = await door
        .call<PullAnswer>('POST', '/v1/sync/pull', {
          body: { device_id: await store.get('device_id'), cursor, limit: PAGE_ROWS, schema: SCHEMA },
        })
        .catch((error: unknown): PullAnswer => {
          // A cursor that the server does not know is as good as none; without one there is nothing to give up.
          if (error instanceof Refusal && error.code === 'start_over' && cursor) return { reset: true }
          throw error
        })
      if (answer === null) {
        await this.copy.forget(begun)
        return
      }
      if (answer.reset) {
        await this.copy.beginAfresh()
        continue
      }
      const page: Page = answer
      await this.noteClock(page.server_time)
      await this.copy.apply(page, fresh, begun)
      changed ||= page.changes.length > 0
      if (page.complete) break
    }
    if (changed) await this.prove()
  }

  /** Compare the phone with the checkpoint, mend what differs, and pull everything again once a day at most. */
  private async prove(): Promise<void> {
    const { store } = this.options
    for (const scope of await this.copy.differing()) await this.repair(scope)
    const wrong = await this.copy.differing()
    if (wrong.length === 0) {
      if ((await store.get('trouble'))?.kind === 'diverged') await store.set('trouble', null)
      return
    }
    const last = (await store.get('last_full_repair_at')) ?? 0
    if (Date.now() - last < REPAIR_EVERY_MS) {
      await this.trouble('diverged', wrong.join(', '))
      return
    }
    await store.set('last_full_repair_at', Date.now())
    await this.copy.beginAfresh()
    this.again = true
  }

  /** Find the rows of a scope that differ, by their sums, and fetch those alone. */
  private async repair(scope: string): Promise<void> {
    const { store, door } = this.options
    const ask = { device_id: await store.get('device_id'), scope }
    const theirs = await door.call<{ sums: Record<string, [count: number, sum: string]> }>('POST', '/v1/sync/repair', { body: ask })
    const ours = await this.copy.sums(scope)
    const prefixes = [...new Set([...Object.keys(theirs.sums), ...Object.keys(ours)])].filter((prefix) => {
      const [count, sum] = theirs.sums[prefix] ?? [0, '']
      return count !== (ours[prefix]?.rows.length ?? 0) || (count > 0 && sum !== ours[prefix]?.sum)
    })
    if (prefixes.length === 0) return
    const rows = prefixes.flatMap((prefix) => ours[prefix]?.rows ?? [])
    const found = await door.call<{ changes: Change[] }>('POST', '/v1/sync/repair', { body: { ...ask, prefixes, rows } })
    await this.copy.mend(found.changes)
  }

  private async noteClock(serverTime: string | undefined): Promise<void> {
    if (serverTime) await this.options.store.set('clock_offset_ms', Date.parse(serverTime) - Date.now())
  }

  private async trouble(kind: Trouble['kind'], message: string): Promise<void> {
    const { store } = this.options
    const before = await store.get('trouble')
    const since = before?.kind === kind ? before.since : Date.now()
    await store.set('trouble', { kind, message, since })
  }

  /** Remember what went wrong and return how long to wait. Nothing is ever dropped because of it. */
  private async note(error: unknown): Promise<number> {
    this.failures += 1
    const random = this.options.random ?? Math.random
    const most = Math.min(BACK_OFF_MOST_MS, BACK_OFF_MS * 2 ** Math.min(this.failures, 7))
    const wait = most / 2 + random() * (most / 2)
    if (error instanceof Unreachable) {
      await this.trouble('offline', error.message)
      return wait
    }
    if (!(error instanceof Refusal)) {
      await this.trouble('server', error instanceof Error ? error.message : String(error))
      return wait
    }
    if (error.code === 'device_revoked') {
      await this.revoked(error)
      return BACK_OFF_MOST_MS
    }
    if (error.code === 'session_ended') {
      await this.trouble('ended', error.message)
      this.options.onEnded?.('ended')
      return BACK_OFF_MOST_MS
    }
    const kind = error.code === 'device_forked' ? 'forked' : error.status === 401 || error.code === 'wrong_device' ? 'sign_in' : error.status === 426 ? 'update' : 'server'
    await this.trouble(kind, error.message)
    // Everybody comes back at seven, so a server that asks to wait gets some jitter on top.
    return error.retryAfterMs ? error.retryAfterMs * (1 + random() * 0.5) : wait
  }

  /** The phone was taken away. What it still had to say has been offered once, by the push before the pull. */
  private async revoked(error: Refusal): Promise<void> {
    this.stop()
    if (error.details.wipe === true) await this.options.store.delete()
    else await this.trouble('revoked', error.message)
    this.options.onEnded?.('revoked')
  }
}
