import type { Documents, Entity, HoldReason, Visit } from './documents'
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

const hold = (draft: Draft, id: string, reason: HoldReason, text: string | null, since: string): Promise<void> =>
  visit(draft, id, () => ({ state: 'paused', hold: { reason, text, since } }))

const later = (a: string, b: string | undefined): string => (b !== undefined && b > a ? b : a)

async function orderOf(draft: Draft, visitId: string): Promise<string> {
  return (await draft.get('visit', visitId))?.order_id ?? ''
}

interface Use {
  id: string
  visit_id: string
  part_id: string
  qty: number
  code?: string
}

async function use(draft: Draft, part: Use, usedAt: string): Promise<void> {
  const { code = null, ...named } = part
  draft.put('part_use', { ...named, code, version: 0, order_id: await orderOf(draft, part.visit_id), used_at: usedAt })
  const { technicianId } = draft.account
  const technician = technicianId ? await draft.get('technician', technicianId) : undefined
  const rows = await vanRows(draft, part.part_id)
  const row = rows.find((each) => each.place_id === technician?.van_place_id) ?? rows[0]
  // A van may go below zero: the part is already in the machine, and only a count can tell.
  if (row) draft.put('van_stock', { ...row, on_hand: row.on_hand - part.qty })
}

/** A visit that only this phone knows of yet. */
const BLANK_VISIT: Omit<Visit, 'id' | 'order_id' | 'technician_id' | 'day'> = {
  version: 0,
  no: '',
  state: 'accepted',
  arrives_at: null,
  departs_at: null,
  travel_s: null,
  position: null,
  duration_min: 60,
  window_from: null,
  window_to: null,
  locked: false,
  hold: null,
  outcome_reason: null,
  findings: null,
  failure_mode: null,
  cause: null,
  remedy: null,
  answers: {},
  no_parts_used: false,
  travel_started_at: null,
  arrived_at: null,
  work_started_at: null,
  completed_at: null,
  needs_review: false,
  signoff_id: null,
}

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
    visit(draft, args.visit_id, (doc) => ({ state: 'working', work_started_at: doc.work_started_at ?? happened_at, hold: null })),
  'visit.hold': (draft, { args, happened_at }) => hold(draft, args.visit_id, args.reason, args.text ?? null, happened_at),
  'visit.pause': (draft, { args, happened_at }) => hold(draft, args.visit_id, 'other', args.reason, happened_at),
  'visit.claim': (draft, { args, happened_at }) =>
    visit(draft, args.visit_id, (doc) => ({
      state: 'accepted',
      technician_id: draft.account.technicianId,
      day: later(happened_at.slice(0, 10), doc.window_from?.slice(0, 10)),
    })),
  'visit.answer': (draft, { args }) =>
    visit(draft, args.visit_id, (doc) => ({ answers: { ...doc.answers, [args.key]: args.value } })),
  'visit.complete': async (draft, { args, happened_at }) => {
    await visit(draft, args.visit_id, (doc) => ({
      state: args.outcome,
      outcome_reason: args.reason ?? null,
      findings: args.findings,
      failure_mode: args.failure_mode ?? null,
      cause: args.cause ?? null,
      remedy: args.remedy ?? null,
      answers: { ...doc.answers, ...args.answers },
      completed_at: happened_at,
      hold: null,
    }))
    for (const part of args.parts ?? []) await use(draft, { ...part, visit_id: args.visit_id }, happened_at)
  },
  'part.consume': (draft, { args, happened_at }) => use(draft, args, happened_at),
  'reading.add': (draft, { args, happened_at }) =>
    draft.put('reading', { visit_id: null, ...args, version: 0, at: happened_at, by: draft.account.name }),
  'time.add': async (draft, { args }) =>
    draft.put('time_entry', {
      note: null,
      ...args,
      version: 0,
      order_id: await orderOf(draft, args.visit_id),
      technician_id: draft.account.technicianId ?? '',
    }),
  'attention.settle': (draft, { args }) => draft.change('attention', args.attention_id, () => ({ state: 'settled' as const })),
  'order.open': async (draft, { args, happened_at }) => {
    const asset = args.asset_id ? await draft.get('asset', args.asset_id) : undefined
    const siteId = args.site_id ?? asset?.site_id ?? ''
    const site = await draft.get('site', siteId)
    draft.put('work_order', {
      id: args.order_id,
      version: 0,
      no: '',
      title: args.title,
      description: args.description ?? '',
      kind: args.kind ?? 'corrective',
      priority: args.priority ?? 3,
      state: 'new',
      hold_reason: null,
      asset_id: args.asset_id ?? null,
      site_id: siteId,
      customer_id: asset?.customer_id ?? site?.customer_id ?? '',
      symptom: null,
      skills: [],
      parts: [],
      duration_min: 60,
      window_from: null,
      window_to: null,
      due_at: null,
      sla: null,
      checklist: [],
      opened_at: happened_at,
      first_completed_at: null,
      closed_at: null,
    })
    if (!args.visit_id) return
    draft.put('visit', {
      ...BLANK_VISIT,
      id: args.visit_id,
      order_id: args.order_id,
      technician_id: draft.account.technicianId,
      day: happened_at.slice(0, 10),
    })
  },
  'comment.add': (draft, { args, happened_at }) =>
    draft.put('comment', { ...args, version: 0, author: draft.account.name, at: happened_at }),
  'photo.attach': async (draft, { args }) => {
    draft.put('photo', { ...args, version: 0, order_id: await orderOf(draft, args.visit_id), state: 'awaiting' })
  },
  'signoff.seal': async (draft, { args, happened_at }) => {
    draft.put('signoff', {
      id: args.id,
      version: 0,
      visit_id: args.visit_id,
      order_id: await orderOf(draft, args.visit_id),
      number: 0,
      manifest_sha256: args.manifest_sha256,
      signer_name: args.signature?.name ?? null,
      refusal: args.refusal?.reason ?? null,
      sealed_at_device: args.signature?.signed_at ?? happened_at,
      verdict: null,
    })
    await visit(draft, args.visit_id, () => ({ signoff_id: args.id }))
  },
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
