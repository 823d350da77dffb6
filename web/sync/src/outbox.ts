import { uuidv7 } from 'uuidv7'
import {
  UNSENT,
  type Mutation,
  type MutationArgs,
  type MutationError,
  type MutationState,
  type Saying,
} from './mutations'
import { inOrder } from './replica'
import type { Store, StoredFile } from './store'

export interface Receipt {
  id: string
  seq: number
  status: 'applied' | 'merged' | 'review' | 'refused' | 'blocked' | 'quarantined'
  replayed?: boolean
  versions?: Record<string, number>
  notices?: unknown[]
  error?: MutationError
}

const STATE_AFTER: Record<Receipt['status'], MutationState> = {
  applied: 'accepted',
  merged: 'accepted',
  review: 'review',
  refused: 'refused',
  blocked: 'blocked',
  // A phone that was suspended or cut off: a person reads what it said.
  quarantined: 'review',
}

export function schemaOf(mutation: Mutation): number {
  return mutation.schema ?? 1
}

/** Write a moment as the documents do. */
export function wholeSecond(moment: Date): string {
  return moment.toISOString().replace(/\.\d+Z$/, 'Z')
}

/** The shape of what the phone says now. */
export const SCHEMA = 2

export interface SayOptions {
  happenedAt?: Date
  dependsOn?: string[]
  holdMs?: number
  /** The shape of a saying that is said again. */
  schema?: number
}

/** What the phone wants to say, in the order in which it was said. */
export class Outbox {
  constructor(private readonly store: Store) {}

  /** Add sayings, and the files they name, in one transaction: all of it will be sent, or none was said. */
  async add(sayings: readonly Saying[], options: SayOptions = {}, files: readonly StoredFile[] = []): Promise<string[]> {
    const { store } = this
    const happenedAt = wholeSecond(options.happenedAt ?? new Date())
    return store.transaction('rw', [store.outbox, store.meta, store.docs, store.files], async () => {
      for (const file of files) if (!(await store.files.get(file.sha256))) await store.files.add(file)
      const ids: string[] = []
      for (const saying of sayings) {
        const id = uuidv7()
        const held = options.holdMs !== undefined
        await store.outbox.add({
          id,
          seq: held ? null : await this.nextSeq(),
          schema: options.schema ?? SCHEMA,
          type: saying.type,
          happened_at: happenedAt,
          base: await this.baseOf(saying.args),
          depends_on: options.dependsOn ?? [],
          args: saying.args,
          state: held ? 'held' : 'queued',
          ...(held ? { held_until: Date.now() + options.holdMs! } : {}),
        } as Mutation)
        ids.push(id)
      }
      return ids
    })
  }

  private async nextSeq(): Promise<number> {
    const seq = (await this.store.get('next_seq')) ?? 1
    await this.store.set('next_seq', seq + 1)
    return seq
  }

  /** The versions that the person saw when saying it. */
  private async baseOf(args: MutationArgs[keyof MutationArgs]): Promise<Record<string, number>> {
    const base: Record<string, number> = {}
    const seen = [
      ['visit', 'visit_id'],
      ['work_order', 'order_id'],
      ['issue_slip', 'slip_id'],
    ] as const
    for (const [entity, field] of seen) {
      const id = (args as Record<string, unknown>)[field]
      if (typeof id !== 'string') continue
      const row = await this.store.docs.get([entity, id])
      if (row) base[entity] = row.version
    }
    return base
  }

  /** Take back what is still held; false when it is too late. */
  async undo(id: string): Promise<boolean> {
    const { store } = this
    return store.transaction('rw', store.outbox, async () => {
      const mutation = await store.outbox.get(id)
      if (mutation?.state !== 'held') return false
      await store.outbox.delete(id)
      return true
    })
  }

  /** Number what has been held long enough, or all of it. Returns when the next one is due. */
  async release(all = false): Promise<number | null> {
    const { store } = this
    return store.transaction('rw', [store.outbox, store.meta], async () => {
      let due: number | null = null
      for (const mutation of inOrder(await store.outbox.where('state').equals('held').toArray())) {
        const until = mutation.held_until ?? 0
        if (all || until <= Date.now()) {
          await store.outbox.update(mutation.id, { state: 'queued', seq: await this.nextSeq() })
        } else {
          due = Math.min(due ?? Infinity, until)
        }
      }
      return due
    })
  }

  /** Up to which number nothing waits any more, neither to be sent nor for the pull that shows its effect. */
  async confirmed(): Promise<number> {
    const { store } = this
    const answered = (await store.get('confirmed_seq')) ?? 0
    const waiting = await store.outbox.where('state').equals('accepted').toArray()
    return Math.min(answered, ...waiting.map(({ seq }) => (seq ?? Infinity) - 1))
  }

  /** Send again what was answered since the last complete pull: a server that was restored may have lost it. Returns how many. */
  async sayAgain(): Promise<number> {
    const { store } = this
    const since = (await store.get('synced_at')) ?? 0
    return store.outbox
      .where('state')
      .anyOf(['accepted', 'review', 'refused', 'blocked'])
      .filter(({ state, seq, settled_at = 0 }) => seq !== null && (state === 'accepted' || settled_at >= since))
      .modify({ state: 'sent' })
  }

  async batch(limit: number, maxBytes: number, from?: number): Promise<Mutation[]> {
    const wanted = from === undefined ? ['queued', 'sent'] : ['queued', 'sent', 'accepted', 'review', 'refused', 'blocked', 'dismissed']
    const waiting = inOrder(
      (await this.store.outbox.where('state').anyOf(wanted).toArray()).filter(
        (mutation) => mutation.seq !== null && mutation.seq >= (from ?? 0),
      ),
    )
    const batch: Mutation[] = []
    let bytes = 0
    for (const mutation of waiting.slice(0, limit)) {
      // A batch speaks one shape; what was said before an update of the app goes ahead in its own.
      if (batch.length > 0 && schemaOf(mutation) !== schemaOf(batch[0]!)) break
      bytes += JSON.stringify(mutation.args).length * 2 + 400
      if (batch.length > 0 && bytes > maxBytes) break
      batch.push(mutation)
    }
    return batch
  }

  async markSent(batch: readonly Mutation[]): Promise<void> {
    const ids = batch.filter((mutation) => mutation.state === 'queued').map((mutation) => mutation.id)
    await this.store.outbox.where('id').anyOf(ids).modify({ state: 'sent' })
  }

  async settle(receipts: readonly Receipt[]): Promise<void> {
    const { store } = this
    await store.transaction('rw', [store.outbox, store.meta], async () => {
      let confirmed = (await store.get('confirmed_seq')) ?? 0
      for (const receipt of receipts) {
        confirmed = Math.max(confirmed, receipt.seq)
        const mutation = await store.outbox.get(receipt.id)
        if (!mutation || (mutation.state !== 'sent' && mutation.state !== 'queued')) continue
        await store.outbox.update(receipt.id, {
          state: mutation.type === 'phone.left_out' ? 'dismissed' : STATE_AFTER[receipt.status],
          settled_at: Date.now(),
          ...(receipt.error ? { error: receipt.error } : {}),
          ...(receipt.notices?.length ? { notices: receipt.notices } : {}),
          ...(receipt.versions ? { versions: receipt.versions } : {}),
        })
      }
      await store.set('confirmed_seq', confirmed)
    })
  }

  /**
   * Set aside what the server cannot even read, with all its content, for a person to see. Its number must
   * reach the server all the same, because numbers have no holes, so an empty mutation takes it.
   */
  async park(id: string, error: MutationError): Promise<void> {
    const { store } = this
    await store.transaction('rw', store.outbox, async () => {
      const bad = await store.outbox.get(id)
      if (!bad || bad.seq === null) return
      await store.outbox.add({
        id: uuidv7(),
        seq: bad.seq,
        schema: schemaOf(bad),
        type: 'phone.left_out',
        happened_at: wholeSecond(new Date()),
        base: {},
        depends_on: [],
        args: {},
        state: 'queued',
      })
      await store.outbox.update(id, { seq: null, state: 'refused', error, settled_at: Date.now() })
    })
  }

  /** Say a refused thing again, as a new mutation; what waits for the old one then waits for the new one. */
  async retry(id: string): Promise<void> {
    const { store } = this
    const old = await store.outbox.get(id)
    if (!old || old.retried_as) return
    const renamed = await Promise.all(
      old.depends_on.map(async (each) => (await store.outbox.get(each))?.retried_as ?? each),
    )
    const [fresh] = await this.add([{ type: old.type, args: old.args } as Saying], {
      happenedAt: new Date(old.happened_at),
      dependsOn: renamed,
      schema: schemaOf(old),
    })
    await store.outbox.update(id, { state: 'dismissed', retried_as: fresh! })
  }

  /** A dismissed mutation leaves the list and stays in the store. */
  async dismiss(id: string): Promise<void> {
    await this.store.outbox.update(id, { state: 'dismissed' })
  }

  /** Give all unsent mutations new numbers, from 1, for a phone that registers anew. */
  async renumber(): Promise<void> {
    const { store } = this
    await store.transaction('rw', [store.outbox, store.meta], async () => {
      const waiting = inOrder(await store.outbox.where('state').anyOf(['queued', 'sent']).toArray())
      let seq = 1
      for (const mutation of waiting) await store.outbox.update(mutation.id, { seq: seq++, state: 'queued' })
      await store.set('next_seq', seq)
      await store.set('confirmed_seq', 0)
    })
  }

  async unsent(): Promise<Mutation[]> {
    return inOrder(await this.store.outbox.where('state').anyOf(UNSENT).toArray())
  }
}
