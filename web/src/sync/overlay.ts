import type { Documents, Entity, Visit } from './documents'
import type { Mutation, MutationOf, MutationType } from './mutations'
import type { Store } from './store'

/** The documents that unsent work has changed, by entity and id. */
export type Effects = Map<string, Documents[Entity]>

export const keyOf = (entity: Entity, id: string): string => `${entity}|${id}`

class Draft {
  readonly effects: Effects = new Map()

  constructor(
    readonly store: Store,
    readonly account: Author,
  ) {}

  async get<E extends Entity>(entity: E, id: string): Promise<Documents[E] | undefined> {
    const changed = this.effects.get(keyOf(entity, id))
    if (changed) return changed as Documents[E]
    return (await this.store.docs.get([entity, id]))?.doc as Documents[E] | undefined
  }

  put<E extends Entity>(entity: E, doc: Documents[E]): void {
    this.effects.set(keyOf(entity, doc.id), doc)
  }

  async change<E extends Entity>(entity: E, id: string, fields: (doc: Documents[E]) => Partial<Documents[E]>): Promise<void> {
    const doc = await this.get(entity, id)
    // A document that has left the phone stays away: the mutation is sent all the same.
    if (doc) this.put(entity, { ...doc, ...fields(doc) })
  }
}

export interface Author {
  name: string
  technicianId: string | null
}

const visit = (draft: Draft, id: string, fields: (doc: Visit) => Partial<Visit>): Promise<void> =>
  draft.change('visit', id, fields)

/** What each mutation does to the documents on the phone until the server's own version arrives. */
const EFFECTS: { [T in MutationType]: (draft: Draft, mutation: MutationOf<T>) => Promise<void> | void } = {
  'visit.accept': (draft, { args }) => visit(draft, args.visit_id, () => ({ state: 'accepted' })),
  'visit.decline': (draft, { args }) =>
    visit(draft, args.visit_id, () => ({ state: 'declined', outcome_reason: args.reason })),
  'visit.travel': (draft, { args, happened_at }) =>
    visit(draft, args.visit_id, (doc) => ({
      state: 'travelling',
      travel_started_at: doc.travel_started_at ?? happened_at,
    })),
  'visit.arrive': (draft, { args, happened_at }) =>
    visit(draft, args.visit_id, (doc) => ({ state: 'on_site', arrived_at: doc.arrived_at ?? happened_at })),
  'visit.start': (draft, { args, happened_at }) =>
    visit(draft, args.visit_id, (doc) => ({ state: 'working', work_started_at: doc.work_started_at ?? happened_at })),
  'visit.pause': (draft, { args }) => visit(draft, args.visit_id, () => ({ state: 'paused' })),
  'visit.answer': (draft, { args }) =>
    visit(draft, args.visit_id, (doc) => ({ answers: { ...doc.answers, [args.key]: args.value } })),
  'visit.complete': (draft, { args, happened_at }) =>
    visit(draft, args.visit_id, (doc) => ({
      state: args.outcome,
      outcome_reason: args.reason ?? null,
      findings: args.findings,
      failure_mode: args.failure_mode ?? null,
      cause: args.cause ?? null,
      remedy: args.remedy ?? null,
      answers: { ...doc.answers, ...args.answers },
      completed_at: happened_at,
    })),
  'part.consume': async (draft, { args }) => {
    const technician = draft.account.technicianId
      ? await draft.get('technician', draft.account.technicianId)
      : undefined
    const rows = await vanRows(draft, args.part_id)
    const row = rows.find((each) => each.place_id === technician?.van_place_id) ?? rows[0]
    // A van may go below zero: the part is already in the machine, and only a count can tell.
    if (row) draft.put('van_stock', { ...row, on_hand: row.on_hand - args.qty })
  },
  'comment.add': (draft, { args, happened_at }) =>
    draft.put('comment', { ...args, version: 0, author: draft.account.name, at: happened_at }),
  'photo.attach': async (draft, { args }) => {
    const orderId = (await draft.get('visit', args.visit_id))?.order_id ?? ''
    draft.put('photo', { ...args, version: 0, order_id: orderId, state: 'awaiting' })
  },
  'signoff.seal': (draft, { args }) => visit(draft, args.visit_id, () => ({ signoff_id: args.id })),
  'slip.receive': (draft, { args }) => draft.change('issue_slip', args.slip_id, () => ({ state: 'closed' as const })),
  'order.edit': (draft, { args: { order_id, ...fields } }) => draft.change('work_order', order_id, () => fields),
  'phone.left_out': () => undefined,
}

async function vanRows(draft: Draft, partId: string): Promise<Documents['van_stock'][]> {
  const rows = await draft.store.docs.where('entity').equals('van_stock').toArray()
  return rows
    .map((row) => (draft.effects.get(keyOf('van_stock', row.id)) ?? row.doc) as Documents['van_stock'])
    .filter((doc) => doc.part_id === partId)
}

/** Play mutations, oldest first, over the server's documents. */
export async function effectsOf(store: Store, mutations: readonly Mutation[], account: Author): Promise<Effects> {
  const draft = new Draft(store, account)
  for (const mutation of mutations) {
    const apply = EFFECTS[mutation.type] as (draft: Draft, mutation: Mutation) => Promise<void> | void
    await apply(draft, mutation)
  }
  return draft.effects
}
