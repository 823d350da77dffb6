import type {
  Asset,
  Customer,
  FailureCode,
  Mutation,
  OrderComment,
  Part,
  PastRepair,
  Photo,
  Reading,
  Replica,
  SignOff,
  Site,
  StoredFile,
  Technician,
  TimeEntry,
  VanStock,
  Visit,
  WorkOrder,
} from '@fieldwright/sync'

export interface Used {
  id: string
  part: Part | undefined
  part_id: string
  qty: number
  held: Mutation | undefined
}

export interface VisitSheet {
  visit: Visit
  order: WorkOrder | undefined
  site: Site | undefined
  customer: Customer | undefined
  asset: Asset | undefined
  technician: Technician | undefined
  comments: OrderComment[]
  photos: { photo: Photo; file: StoredFile | undefined }[]
  used: Used[]
  wanted: { part: Part | undefined; qty: number; here: number }[]
  seal: SignOff | undefined
  times: TimeEntry[]
  readings: Reading[]
  history: PastRepair[]
  /** Earlier visits to the same order and machine, newest first. */
  earlier: { visit: Visit; by: string; title: string }[]
  codes: FailureCode[]
  unsent: number
  /** Whether it was taken from the pool and the office has not heard of it. */
  wished: boolean
}

/** Gather all that the pages of one visit show. */
export async function visitSheet(replica: Replica, id: string, technicianId: string | null): Promise<VisitSheet | null> {
  const visit = await replica.get('visit', id)
  if (!visit) return null
  const order = await replica.get('work_order', visit.order_id)
  const technician = await replica.plain('technician', visit.technician_id ?? technicianId)
  const unsent = (await replica.store.outbox.where('state').anyOf(['held', 'queued', 'sent']).toArray()).filter(
    (mutation) => 'visit_id' in mutation.args && mutation.args.visit_id === id,
  )
  const van = await vanOf(replica, technician)
  const used: Used[] = []
  for (const use of await replica.ofVisit('part_use', id)) {
    const { id: useId, part_id, qty } = use
    const held = unsent.find((each) => each.state === 'held' && each.type === 'part.consume' && each.args.id === useId)
    used.push({ id: useId, part_id, qty, held, part: await replica.plain('part', part_id) })
  }
  const wanted = []
  for (const { part_id, qty } of order?.parts ?? []) {
    const here = van.find((row) => row.part_id === part_id)?.on_hand ?? 0
    wanted.push({ part: await replica.plain('part', part_id), qty, here })
  }
  const photos = []
  for (const photo of (await replica.ofOrder('photo', visit.order_id)).sort((a, b) => a.taken_at.localeCompare(b.taken_at))) {
    photos.push({ photo, file: await replica.store.files.get(photo.sha256) })
  }
  return {
    visit,
    order,
    technician,
    site: await replica.plain('site', order?.site_id),
    customer: await replica.plain('customer', order?.customer_id),
    asset: await replica.plain('asset', order?.asset_id),
    comments: (await replica.ofOrder('comment', visit.order_id)).sort((a, b) => a.at.localeCompare(b.at)),
    photos,
    used: used.sort((a, b) => (a.id < b.id ? -1 : 1)),
    wanted,
    seal: (await replica.ofOrder('signoff', visit.order_id)).find((each) => each.visit_id === id),
    times: (await replica.ofVisit('time_entry', id)).sort((a, b) => a.begun_at.localeCompare(b.begun_at)),
    readings: order?.asset_id ? (await replica.ofAsset('reading', order.asset_id)).sort((a, b) => b.at.localeCompare(a.at)) : [],
    history: await historyOf(replica, await replica.plain('asset', order?.asset_id)),
    earlier: await earlierVisits(replica, visit, order?.asset_id ?? null),
    codes: (await replica.all('failure_code')).sort((a, b) => a.rank - b.rank),
    unsent: unsent.length,
    wished: unsent.some((each) => each.type === 'visit.claim'),
  }
}

/** A machine's history: its newest repairs, and those that only its own document names. */
export async function historyOf(replica: Replica, asset: Asset | undefined): Promise<PastRepair[]> {
  if (!asset) return []
  const repairs: PastRepair[] = await replica.ofAsset('repair', asset.id)
  const known = new Set(repairs.map((each) => each.order_no))
  return [...repairs, ...(asset.recent_repairs ?? []).filter((each) => !known.has(each.order_no))].sort((a, b) => b.day.localeCompare(a.day))
}

async function earlierVisits(replica: Replica, visit: Visit, assetId: string | null): Promise<VisitSheet['earlier']> {
  const found: VisitSheet['earlier'] = []
  for (const other of await replica.all('visit')) {
    if (other.id === visit.id || !other.findings) continue
    const order = await replica.get('work_order', other.order_id)
    if (other.order_id !== visit.order_id && (!assetId || order?.asset_id !== assetId)) continue
    const by = (await replica.plain('technician', other.technician_id))?.name ?? ''
    found.push({ visit: other, by, title: order?.title ?? other.no })
  }
  return found.sort((a, b) => (b.visit.completed_at ?? '').localeCompare(a.visit.completed_at ?? ''))
}

export async function vanOf(replica: Replica, technician: Technician | undefined): Promise<VanStock[]> {
  const rows = await replica.all('van_stock')
  return technician?.van_place_id ? rows.filter((row) => row.place_id === technician.van_place_id) : rows
}
