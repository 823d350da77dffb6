import type {
  Asset,
  Customer,
  FailureCode,
  Keepsake,
  Mutation,
  OrderComment,
  Part,
  Photo,
  Replica,
  Site,
  StoredFile,
  Technician,
  VanStock,
  Visit,
  WorkOrder,
} from '../../sync'

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
  seal: Extract<Keepsake, { kind: 'seal' }> | undefined
  codes: FailureCode[]
  unsent: number
}

/** Gather all that the pages of one visit show. */
export async function visitSheet(replica: Replica, id: string, technicianId: string | null): Promise<VisitSheet | null> {
  const visit = await replica.get('visit', id)
  if (!visit) return null
  const order = await replica.get('work_order', visit.order_id)
  const technician = await replica.plain('technician', visit.technician_id ?? technicianId)
  const keepsakes = await replica.keepsakes(id)
  const unsent = (await replica.store.outbox.where('state').anyOf(['held', 'queued', 'sent']).toArray()).filter(
    (mutation) => 'visit_id' in mutation.args && mutation.args.visit_id === id,
  )
  const van = await vanOf(replica, technician)
  const used: Used[] = []
  for (const keepsake of keepsakes) {
    if (keepsake.kind !== 'use') continue
    const { id: useId, part_id, qty } = keepsake.value
    const held = unsent.find(
      (each) => each.state === 'held' && each.type === 'part.consume' && each.args.id === useId,
    )
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
    seal: keepsakes.find((each) => each.kind === 'seal'),
    codes: (await replica.all('failure_code')).sort((a, b) => a.rank - b.rank),
    unsent: unsent.length,
  }
}

export async function vanOf(replica: Replica, technician: Technician | undefined): Promise<VanStock[]> {
  const rows = await replica.all('van_stock')
  return technician?.van_place_id ? rows.filter((row) => row.place_id === technician.van_place_id) : rows
}
