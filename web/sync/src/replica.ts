import { liveQuery, type Observable } from 'dexie'
import type { Documents, Entity } from './documents'
import { FOR_A_PERSON, SHOWN, type Mutation } from './mutations'
import { effectsOf, keyOf, type Author, type Effects } from './overlay'
import type { Store } from './store'

/** Numbered mutations come in their order, held ones after them in the order of their ids. */
export function inOrder(mutations: readonly Mutation[]): Mutation[] {
  return mutations.toSorted(
    (a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity) || (a.id < b.id ? -1 : 1),
  )
}

/** What the person sees: the server's documents with unsent work already in them. */
export class Replica {
  constructor(
    readonly store: Store,
    private readonly author: Author,
    /** Within one question the effects of unsent work are worked out once. */
    private readonly once = false,
  ) {}

  /** Repeat a question whenever something it read has changed, in this tab or another. */
  watch<T>(ask: (replica: Replica) => Promise<T>): Observable<T> {
    const { store } = this
    // In one transaction: a thousand small reads that each open their own take a phone seconds.
    // Dexie follows what is read only through functions that are async themselves.
    return liveQuery(async () => store.transaction('r', store.tables, async () => ask(new Replica(store, this.author, true))))
  }

  private known: Effects | undefined

  async effects(): Promise<Effects> {
    if (this.once && this.known) return this.known
    const mutations = await this.store.outbox.where('state').anyOf(SHOWN).toArray()
    this.known = await effectsOf(this.store, inOrder(mutations), this.author)
    return this.known
  }

  async get<E extends Entity>(entity: E, id: string | null | undefined): Promise<Documents[E] | undefined> {
    if (!id) return undefined
    const changed = (await this.effects()).get(keyOf(entity, id))
    if (changed) return changed as Documents[E]
    return this.plain(entity, id)
  }

  /** Read a document that phones never change, without looking at the outbox. */
  async plain<E extends Entity>(entity: E, id: string | null | undefined): Promise<Documents[E] | undefined> {
    if (!id) return undefined
    return (await this.store.docs.get([entity, id]))?.doc as Documents[E] | undefined
  }

  /** Read many documents at once, by their ids; those that are not here are left out. */
  async many<E extends Entity>(entity: E, ids: Iterable<string | null | undefined>): Promise<Map<string, Documents[E]>> {
    const wanted = [...new Set(ids)].filter((id): id is string => Boolean(id))
    const rows = await this.store.docs.bulkGet(wanted.map((id): [Entity, string] => [entity, id]))
    const effects = await this.effects()
    const found = new Map<string, Documents[E]>()
    for (const [place, id] of wanted.entries()) {
      const doc = (effects.get(keyOf(entity, id)) ?? rows[place]?.doc) as Documents[E] | undefined
      if (doc) found.set(id, doc)
    }
    return found
  }

  async all<E extends Entity>(entity: E): Promise<Documents[E][]> {
    const rows = await this.store.docs.where('entity').equals(entity).toArray()
    return this.merged(entity, rows.map((row) => row.doc as Documents[E]), () => true)
  }

  async ofOrder<E extends 'visit' | 'comment' | 'photo' | 'part_use' | 'signoff'>(entity: E, orderId: string): Promise<Documents[E][]> {
    const rows = await this.store.docs.where('[entity+doc.order_id]').equals([entity, orderId]).toArray()
    return this.merged(entity, rows.map((row) => row.doc as Documents[E]), (doc) => doc.order_id === orderId)
  }

  async ofVisit<E extends 'time_entry' | 'reading' | 'part_use'>(entity: E, visitId: string): Promise<Documents[E][]> {
    const rows = await this.store.docs.where('[entity+doc.visit_id]').equals([entity, visitId]).toArray()
    return this.merged(entity, rows.map((row) => row.doc as Documents[E]), (doc) => doc.visit_id === visitId)
  }

  async ofAsset<E extends 'reading' | 'repair'>(entity: E, assetId: string): Promise<Documents[E][]> {
    const rows = await this.store.docs.where('[entity+doc.asset_id]').equals([entity, assetId]).toArray()
    return this.merged(entity, rows.map((row) => row.doc as Documents[E]), (doc) => doc.asset_id === assetId)
  }

  private async merged<E extends Entity>(
    entity: E,
    docs: Documents[E][],
    wanted: (doc: Documents[E]) => boolean,
  ): Promise<Documents[E][]> {
    const effects = await this.effects()
    const seen = new Set<string>()
    const merged = docs.map((doc) => {
      seen.add(doc.id)
      return (effects.get(keyOf(entity, doc.id)) ?? doc) as Documents[E]
    })
    for (const [key, doc] of effects) {
      if (!key.startsWith(`${entity}|`) || seen.has(doc.id)) continue
      if (wanted(doc as Documents[E])) merged.push(doc as Documents[E])
    }
    return merged
  }

  async needingAPerson(): Promise<Mutation[]> {
    return inOrder(await this.store.outbox.where('state').anyOf(FOR_A_PERSON).toArray())
  }
}
