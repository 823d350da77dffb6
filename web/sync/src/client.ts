import { Catalogue } from './catalogue'
import { Refusal, Unreachable, type Door } from './door'
import { FileLane } from './files'
import { Hints } from './hints'
import type { Mutation, Saying } from './mutations'
import { Outbox, SCHEMA, schemaOf, type Receipt, type SayOptions } from './outbox'
import type { Author } from './overlay'
import { Copy, type Change, type Page, type PullAnswer } from './pull'
import { Replica } from './replica'
import { isFull, NoRoom, Room, type Keeper } from './room'
import type { Store, Trouble } from './store'

const BATCH_ROWS = 200
const BATCH_BYTES = 700_000
const PAGE_ROWS = 1000
/** The batch as a whole was not understood, or is too big. */
const UNREADABLE: readonly number[] = [400, 413, 422]
/** How often to look by itself: seldom where the server says when there is something. */
const TICK_MS = 60_000
const TICK_LISTENING_MS = 5 * 60_000
/** What a tab says that wants a round and no answer. */
const SOON = 'soon'
/** How long to wait for the tab that leads. */
const LEADER_MS = 45_000
const BACK_OFF_MS = 2_000
const BACK_OFF_MOST_MS = 120_000
const RESTART_EVERY_MS = 24 * 3600_000
const PROVE_EVERY_MS = 24 * 3600_000
/** Stands for all scopes where a fresh copy has come. */
const EVERYTHING = '*'
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
  /** What the browser says about its storage. */
  keeper?: Keeper
  /** Whether to spare the battery: then nothing is asked for that nobody waits for. */
  sparing?(): boolean
  /** Whether to listen for the server's word while the page is seen. */
  listening?: boolean
  random?(): number
}

/** What passes between the tabs of one account. */
interface Message {
  wake?: string
  /** Whether whoever asks waits for the files too. */
  files?: boolean
  done?: string
  failed?: Trouble | null
  phase?: Phase
}

/** What is left on the phone that the office does not have. */
export interface Unsent {
  mutations: number
  files: number
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
  readonly room: Room
  readonly catalogue: Catalogue
  private readonly copy: Copy
  private readonly hints: Hints
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
  private fileFailures = 0
  private fileTimer: ReturnType<typeof setTimeout> | undefined
  /** The server wants a newer app before it gives anything out. It still listens. */
  private outdated = ''
  private quickest = Infinity
  private notBefore = 0

  constructor(private readonly options: ClientOptions) {
    this.replica = new Replica(options.store, options.author)
    this.outbox = new Outbox(options.store)
    this.files = new FileLane(options.store, options.door)
    this.room = new Room(options.store, options.keeper)
    this.catalogue = new Catalogue(options.store)
    this.copy = new Copy(options.store)
    this.hints = new Hints(options.door, this.nudge, options.random)
  }

  /** Begin to sync in the background. Of several tabs the one that gets the lock leads; the others wake it. */
  start(): void {
    const { locks, channel, store } = this.options
    channel?.addEventListener('message', this.heard)
    globalThis.addEventListener?.('online', this.backInSignal)
    globalThis.document?.addEventListener('visibilitychange', this.seen)
    if (!locks) {
      this.lead()
      return
    }
    const held = new Promise<void>((resolve) => (this.letGo = resolve))
    // The browser gives the lock to the next tab when this one closes, crashes or is killed.
    void locks.request(`fieldwright:leader:${store.name}`, () => {
      if (this.stopped) return
      this.lead()
      return held
    })
  }

  private lead(): void {
    this.leading = true
    this.listen()
    this.nudge()
  }

  get leads(): boolean {
    return this.leading
  }

  stop(): void {
    this.stopped = true
    this.leading = false
    clearTimeout(this.timer)
    clearTimeout(this.fileTimer)
    this.hints.stop()
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

  /**
   * Say something. It is safe on the phone when this returns, and sent as soon as there is a way.
   * Raises NoRoom when the phone is full; then nothing was said.
   */
  async say(...sayings: Saying[]): Promise<string[]> {
    return this.sayAs(sayings)
  }

  async sayAs(sayings: readonly Saying[], options: SayOptions = {}): Promise<string[]> {
    const ids = await this.room.keep(0, () => this.outbox.add(sayings, options))
    this.nudge()
    return ids
  }

  /** Say something that can be taken back for a short while. */
  async sayWithUndo(...sayings: Saying[]): Promise<{ ids: string[]; until: number }> {
    const ids = await this.room.keep(0, () => this.outbox.add(sayings, { holdMs: UNDO_MS }))
    setTimeout(this.nudge, UNDO_MS + 50)
    return { ids, until: Date.now() + UNDO_MS }
  }

  /** Keep a file and say what it is, both or neither. Raises NoRoom when the phone is full. */
  async attach(
    file: { bytes: ArrayBuffer; type: string; thumb: ArrayBuffer | null },
    saying: (sha256: string) => Saying,
  ): Promise<string> {
    const made = await this.files.ready(file.bytes, file.type, file.thumb)
    const bytes = made.size + (made.thumb?.byteLength ?? 0)
    await this.room.keep(bytes, () => this.outbox.add([saying(made.sha256)], {}, [made]))
    this.nudge()
    return made.sha256
  }

  async releaseHeld(): Promise<void> {
    await this.outbox.release(true)
    this.nudge()
  }

  async retry(id: string): Promise<void> {
    await this.outbox.retry(id)
    this.nudge()
  }

  async retryFile(sha256: string): Promise<void> {
    await this.files.again(sha256)
    this.nudge()
  }

  async unsent(): Promise<Unsent> {
    return { mutations: (await this.outbox.unsent()).length, files: await this.files.waiting() }
  }

  /** Send everything that waits, files too, and return what could not be sent. */
  async drain(): Promise<Unsent> {
    await this.outbox.release(true)
    if (this.runsHere) await this.everything()
    else await this.ask(true).catch(() => undefined)
    return this.unsent()
  }

  private async everything(): Promise<void> {
    await this.sync().catch(() => undefined)
    await this.files.send().catch(() => undefined)
  }

  private readonly heard = (event: MessageEvent): void => {
    const message = event.data as Message
    if (message.wake === SOON) {
      if (this.leading) this.nudge()
    } else if (message.wake && this.leading) void this.wakened(message.wake, message.files ?? false)
    if (message.phase && !this.leading) this.tell(message.phase)
  }

  private async wakened(by: string, files: boolean): Promise<void> {
    await (files ? this.everything() : this.sync().catch(() => undefined))
    this.post({ done: by, failed: (await this.options.store.get('trouble')) ?? null })
  }

  private post(message: Message): void {
    this.options.channel?.postMessage(message)
  }

  /** How often it failed without signal says nothing about the signal that has come: waiting starts short again. */
  private readonly backInSignal = (): void => {
    this.failures = 0
    this.fileFailures = 0
    this.nudge()
  }

  private readonly seen = (): void => {
    this.listen()
    if (document.visibilityState === 'visible') this.backInSignal()
    // A page that is put away may never come back, so nothing stays held in it.
    else void this.outbox.release(true)
  }

  /** Listen while somebody looks at the page and the battery can bear it. */
  private listen(): void {
    if (this.options.listening && this.leading && !this.resting) this.hints.start()
    else this.hints.stop()
  }

  /** Whether nobody looks, or the battery is to be spared. */
  private get resting(): boolean {
    return globalThis.document?.visibilityState === 'hidden' || (this.options.sparing?.() ?? false)
  }

  /** Look whether there is something to do, now, in whichever tab leads. What the server asked to wait for waits. */
  readonly nudge = (): void => {
    if (this.stopped) return
    if (!this.leading) this.post({ wake: SOON })
    else if (Date.now() >= this.notBefore) this.tick()
  }

  private readonly tick = (): void => {
    if (this.leading && !this.stopped) void this.sync().catch(() => undefined)
  }

  private tell(phase: Phase): void {
    this.phase = phase
    for (const listen of this.listeners) listen(phase)
    if (this.leading) this.post({ phase })
  }

  /** Only the tab that leads talks to the server; without locks, or before they are asked for, each does. */
  private get runsHere(): boolean {
    return this.leading || !this.options.locks || !this.options.channel
  }

  /** Push, then pull, and see to the files. Calls that come meanwhile cause one more round. */
  sync(): Promise<void> {
    if (!this.runsHere) return this.ask()
    if (this.current) {
      this.again = true
      return this.current
    }
    clearTimeout(this.timer)
    this.current = this.rounds().finally(() => {
      this.current = null
    })
    // What was asked for while the last round was already ending has not been seen to.
    void this.current.then(() => this.again && this.nudge()).catch(() => undefined)
    return this.current
  }

  /** Ask the tab that leads for a round, and wait until it says how that went. */
  private async ask(files = false): Promise<void> {
    const { channel } = this.options
    const mine = `${Date.now()}-${Math.random()}`
    const answer = await new Promise<Message>((resolve, reject) => {
      const hear = (event: MessageEvent): void => {
        if ((event.data as Message).done === mine) end(() => resolve(event.data as Message))
      }
      const end = (how: () => void): void => {
        clearTimeout(late)
        channel?.removeEventListener('message', hear)
        how()
      }
      const late = setTimeout(() => end(() => reject(new Unreachable())), LEADER_MS)
      channel?.addEventListener('message', hear)
      this.post({ wake: mine, files })
    })
    if (answer.failed && answer.failed.kind !== 'diverged') throw new Refusal(0, answer.failed.kind, answer.failed.message, {}, null, null)
  }

  private async rounds(): Promise<void> {
    let wait = this.hints.listening ? TICK_LISTENING_MS : TICK_MS
    try {
      do {
        this.again = false
        this.notBefore = 0
        await this.round()
      } while (this.again && !this.stopped)
      this.failures = 0
      this.tell('idle')
    } catch (error) {
      wait = await this.note(error)
      this.tell('waiting')
      throw error
    } finally {
      await this.rest(wait)
    }
  }

  /** Set the time of the next round. With nothing to send, a page that nobody looks at does not ask at all. */
  private async rest(wait: number): Promise<void> {
    if (!this.leading || this.stopped) return
    const due = await this.outbox.release()
    const soon = due === null ? wait : Math.min(wait, Math.max(50, due - Date.now()))
    if (due === null && this.resting && (await this.outbox.unsent()).length === 0) return
    this.timer = setTimeout(this.tick, soon)
  }

  private async round(): Promise<void> {
    const { store } = this.options
    await this.outbox.release()
    await this.push()
    void this.sendFiles()
    if (!this.outdated) {
      await this.pull()
      await store.set('synced_at', Date.now())
      if ((await store.get('trouble'))?.kind !== 'diverged') await store.set('trouble', null)
    } else await this.trouble('update', this.outdated)
  }

  /** Files go beside the rounds, so that a picture never delays a word; their failures are their own. */
  private async sendFiles(): Promise<void> {
    if (this.stopped || !this.runsHere) return
    clearTimeout(this.fileTimer)
    try {
      if ((await this.files.waiting()) === 0) return
      if (this.phase !== 'pushing' && this.phase !== 'pulling') this.tell('files')
      await this.files.send()
      this.fileFailures = 0
      if (this.phase === 'files') this.tell('idle')
    } catch (error) {
      if (this.phase === 'files') this.tell('waiting')
      if (this.stopped || !this.leading) return
      this.fileFailures += 1
      const asked = error instanceof Refusal ? error.retryAfterMs : null
      this.fileTimer = setTimeout(() => void this.sendFiles(), this.backOff(this.fileFailures, asked))
    }
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
    const asked = Date.now()
    const answer = await door.call<PushAnswer>('POST', '/v1/sync/push', {
      body: {
        device_id: await store.get('device_id'),
        app_version: appVersion,
        schema: batch[0] ? schemaOf(batch[0]) : SCHEMA,
        // What is left when this has arrived, which is what the office wants to know.
        unsent: unsent.filter((each) => !batch.some(({ id }) => id === each.id)).length,
        confirmed_seq: await this.outbox.confirmed(),
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
    await this.noteClock(answer.server_time, asked)
    return answer
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
      await this.outbox.sayAgain()
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
    const changed = new Set<string>()
    this.tell('pulling')
    for (;;) {
      const { fresh, cursor } = await this.copy.cursor()
      const asked = Date.now()
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
        // What was answered may have been lost there; it is said again before it is forgotten here.
        const again = await this.outbox.sayAgain()
        await this.copy.beginAfresh()
        if (again > 0) await this.push()
        this.tell('pulling')
        continue
      }
      const page: Page = answer
      await this.noteClock(page.server_time, asked)
      await this.room.keep(0, () => this.copy.apply(page, fresh, begun))
      for (const change of page.changes) if (change.scope) changed.add(change.scope)
      if (fresh) changed.add(EVERYTHING)
      if (page.complete) break
      // A long download stands in the way of no word.
      if ((await this.outbox.batch(1, BATCH_BYTES)).length > 0) {
        await this.push()
        this.tell('pulling')
      }
    }
    if (changed.size > 0) await this.prove(changed)
  }

  /** Compare the phone with the checkpoint, mend what differs, and pull everything again once a day at most. */
  private async prove(changed: ReadonlySet<string>): Promise<void> {
    const { store } = this.options
    // What has not moved is counted once a day: a whole catalogue costs a phone a second or two.
    const before = await store.get('trouble')
    const long = Date.now() - ((await store.get('proved_at')) ?? 0) > PROVE_EVERY_MS
    const due = long || changed.has(EVERYTHING) || before?.kind === 'diverged'
    const scopes = due ? undefined : changed
    const differing = await this.copy.differing(scopes)
    if (due) await store.set('proved_at', Date.now())
    const fetched: Record<string, number> = {}
    for (const scope of differing) fetched[scope] = await this.repair(scope)
    const wrong = differing.length > 0 ? await this.copy.differing(new Set(differing)) : []
    for (const scope of differing) await this.report(scope, fetched[scope] ?? 0, !wrong.includes(scope))
    if (wrong.length === 0) {
      if (before?.kind === 'diverged') await store.set('trouble', null)
      return
    }
    if (!(await this.mayRestart())) {
      await this.trouble('diverged', wrong.join(', '))
      return
    }
    await store.set('last_restart_at', Date.now())
    await this.copy.beginAfresh()
    this.again = true
  }

  /** Whether this phone may fetch everything again: both it and the server count, once a day. */
  private async mayRestart(): Promise<boolean> {
    const { store, door } = this.options
    if (Date.now() - ((await store.get('last_restart_at')) ?? 0) < RESTART_EVERY_MS) return false
    try {
      await door.call('POST', '/v1/sync/restart', { body: { device_id: await store.get('device_id') } })
      return true
    } catch (error) {
      if (error instanceof Refusal && error.status === 429) return false
      // A server that does not count leaves it to the phone.
      if (error instanceof Refusal && error.status === 404) return true
      throw error
    }
  }

  /** Tell the office that the phone differed, and whether it is mended. It is told for its own good only. */
  private async report(scope: string, rows: number, repaired: boolean): Promise<void> {
    const { store, door } = this.options
    const { expected, found } = await this.copy.sumsOf(scope)
    const body = { device_id: await store.get('device_id'), scope, expected, found, rows_fetched: rows, repaired }
    await door.call('POST', '/v1/sync/divergence', { body }).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error
    })
  }

  /** Find the rows of a scope that differ, by their sums, fetch those alone, and return how many came. */
  private async repair(scope: string): Promise<number> {
    const { store, door } = this.options
    const ask = { device_id: await store.get('device_id'), scope }
    const theirs = await door.call<{ sums: Record<string, [count: number, sum: string]> }>('POST', '/v1/sync/repair', { body: ask })
    const ours = await this.copy.sums(scope)
    const prefixes = [...new Set([...Object.keys(theirs.sums), ...Object.keys(ours)])].filter((prefix) => {
      const [count, sum] = theirs.sums[prefix] ?? [0, '']
      return count !== (ours[prefix]?.rows.length ?? 0) || (count > 0 && sum !== ours[prefix]?.sum)
    })
    if (prefixes.length === 0) return 0
    let fetched = 0
    for (let whole = false; !whole; ) {
      const held = fetched === 0 ? ours : await this.copy.sums(scope)
      const rows = prefixes.flatMap((prefix) => held[prefix]?.rows ?? [])
      const found = await door.call<{ changes: Change[]; complete?: boolean }>('POST', '/v1/sync/repair', {
        body: { ...ask, prefixes, rows },
      })
      await this.copy.mend(found.changes)
      fetched += found.changes.length
      whole = found.complete ?? true
    }
    return fetched
  }

  /** Measure the phone's clock against the server's, best by the quickest answer: half of the way is guessed. */
  private async noteClock(serverTime: string | undefined, asked: number): Promise<void> {
    if (!serverTime) return
    const now = Date.now()
    const took = now - asked
    const offset = Date.parse(serverTime) - (asked + took / 2)
    const known = (await this.options.store.get('clock_offset_ms')) ?? 0
    // A slow answer says little, unless the clock has plainly been set meanwhile.
    if (took > this.quickest * 2 && Math.abs(offset - known) < took) return
    this.quickest = Math.min(this.quickest, Math.max(50, took))
    await this.options.store.set('clock_offset_ms', Math.round(offset))
  }

  private async trouble(kind: Trouble['kind'], message: string): Promise<void> {
    const { store } = this.options
    const before = await store.get('trouble')
    const since = before?.kind === kind ? before.since : Date.now()
    await store.set('trouble', { kind, message, since })
  }

  /** Return how long to wait: longer each time, never the same for everybody, and never less than was asked for. */
  private backOff(failures: number, askedMs: number | null): number {
    const random = this.options.random ?? Math.random
    // Everybody comes back at seven, so a server that asks to wait gets some jitter on top.
    if (askedMs) return Math.round(askedMs * (1 + random() * 0.5))
    const most = Math.min(BACK_OFF_MOST_MS, BACK_OFF_MS * 2 ** Math.min(failures, 7))
    return Math.round(most / 2 + random() * (most / 2))
  }

  /** Remember what went wrong and return how long to wait. Nothing is ever dropped because of it. */
  private async note(error: unknown): Promise<number> {
    this.failures += 1
    const asked = error instanceof Refusal ? error.retryAfterMs : null
    const wait = this.backOff(this.failures, asked)
    if (asked) this.notBefore = Date.now() + wait
    if (error instanceof Unreachable) {
      await this.trouble('offline', error.message)
      return wait
    }
    if (!(error instanceof Refusal)) {
      const full = error instanceof NoRoom || isFull(error)
      await this.trouble(full ? 'full' : 'server', error instanceof Error ? error.message : String(error))
      return full ? BACK_OFF_MOST_MS : wait
    }
    if (error.code === 'device_revoked') {
      await this.revoked(error)
      return wait
    }
    if (error.code === 'session_ended') {
      await this.trouble('ended', error.message)
      this.options.onEnded?.('ended')
      return BACK_OFF_MOST_MS
    }
    if (error.status === 426) this.outdated = error.message || error.code
    await this.trouble(kindOf(error), error.message)
    return wait
  }

  /**
   * The phone was taken away. Its documents go at once. What it still has to say was offered by the push before;
   * as long as that did not arrive it is offered again, and then the rest goes too.
   */
  private async revoked(error: Refusal): Promise<void> {
    const { store, door, onEnded } = this.options
    if (error.details.wipe !== true) {
      this.stop()
      await this.trouble('revoked', error.message)
      onEnded?.('revoked')
      return
    }
    await this.copy.wipe()
    await this.push().catch(() => undefined)
    if ((await this.outbox.unsent()).length > 0) {
      await this.trouble('revoked', error.message)
      return
    }
    const device_id = await store.get('device_id')
    this.stop()
    await store.delete()
    // The office sees that it is done; a phone that cannot say so any more is erased all the same.
    await door.call('POST', '/v1/sync/wiped', { body: { device_id } }).catch(() => undefined)
    onEnded?.('revoked')
  }
}

function kindOf(error: Refusal): Trouble['kind'] {
  if (error.code === 'device_forked') return 'forked'
  if (error.status === 401 || error.code === 'wrong_device') return 'sign_in'
  if (error.status === 426) return 'update'
  return error.status === 503 || error.status === 429 ? 'busy' : 'server'
}
