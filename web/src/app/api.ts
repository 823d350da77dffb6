import type {
  Asset,
  FailureCode,
  IssueSlip,
  Label,
  SlipLine,
  Technician,
  Visit,
  WorkOrder,
} from '@fieldwright/sync'
import { door } from './home.svelte'

export interface List<T> {
  items: T[]
  next: string | null
}

export interface FaultRequest {
  id: string
  version: number
  no: string
  asset_id: string
  asset_name?: string
  symptom: string | null
  text: string | null
  reporter_name: string | null
  reporter_phone: string | null
  language: string
  state: 'submitted' | 'triaged' | 'accepted' | 'rejected' | 'duplicate_of'
  confirmations: number
  order_id: string | null
  photos: { sha256: string }[]
  created_at: string
}

export interface BoardVisit extends Visit {
  order_no: string
  title: string
  priority: number
  site_name: string
  lat: number | null
  lng: number | null
  asset_name: string | null
  due_at: string | null
  skills: { code: string; level: number }[]
  territory: string | null
  start_locked: boolean
}

/** An engineer as the office knows them. */
export interface TechnicianLine extends Technician {
  territories: string[]
  kind: 'own' | 'contractor'
  hourly_cost_micro: number
}

export interface Territory {
  id: string
  name: string
}

export interface SiteLine {
  id: string
  customer_id: string
  name: string
  address: string
  lat: number
  lng: number
  territory: string | null
}

/** By which orders find their engineer; the first one that means an order decides. */
export interface Rule {
  id: string
  name: string
  active: boolean
  kinds: string[]
  urgency: number
  territories: string[]
  within_hours: number
  most_added_min: number
  use_standby: boolean
  use_contractors: boolean
}

export interface Standby {
  id: string
  technician_id: string
  begins_at: string
  ends_at: string
}

/** What a rule decided about an order, and why. */
export interface Assignment {
  id: string
  order_id: string
  order_no: string
  title: string
  rule: string
  how: 'own' | 'standby' | 'contractor' | 'nobody'
  technician_id: string | null
  runner_up: string | null
  runner_up_added_min: number | null
  message: string
  reasons: { technician_id: string; code: string; message: string }[]
  decided_at: string
  undone_at: string | null
}

export interface BoardTechnician extends TechnicianLine {
  device: { last_contact_at: string | null; unsent: number; app_version: string | null } | null
}

export interface Board {
  day: string
  technicians: BoardTechnician[]
  visits: BoardVisit[]
  unplaced: (BoardVisit & { reasons?: Reason[] })[]
}

/** Why this engineer. */
export interface Why {
  code: string
  message: string
}

export interface Reason {
  technician_id: string | null
  code: string
  message: string
}

export type PlanKind = 'plan' | 'what_if' | 'emergency' | 'cancellation' | 'absence' | 'late'
export type PlanState = 'queued' | 'running' | 'proposed' | 'published' | 'failed' | 'cancelled'

/** What was to be different from usual; what is not said is as the company has it. */
export interface Asked {
  without?: string[]
  left_out?: string[]
  overtime_min?: number
  frozen_min?: number
  budget?: number
  weights?: Record<string, number>
  event?: { visit_id?: string; technician_id?: string }
}

/** What is to be planned, and how. */
export interface AskPlan {
  day: string
  days?: number
  seconds?: number
  technician_ids?: string[] | null
  without?: string[]
  left_out?: string[]
  overtime_min?: number
  weights?: Record<string, number>
}

/** Whom a customer or one of their sites would rather have, or does not want. */
export interface Wish {
  id: string
  customer_id: string | null
  site_id: string | null
  technician_id: string
  kind: 'preferred' | 'forbidden'
}

/** What has happened that a proposal answers. */
export interface Cause {
  code: string
  message: string
  visit_id: string | null
  technician_id: string | null
}

/** A proposal in the list of what is on the table; one that nobody asked for is made by itself. */
export interface PlanLine {
  id: string
  day: string
  days: number
  kind: PlanKind
  asked: Asked
  state: PlanState
  progress: number
  message: string
  placed: number
  left_out: number
  by_itself: boolean
  causes: Cause[]
  created_at: string
}

/** A plan in figures; the cost is in seconds of driving. */
export interface PlanSums {
  placed: number
  left_out: number
  late: number
  travel_min: number
  overtime_min: number
  work_min: number
  cost: number
}

export interface VisitPlace {
  technician_id: string
  name: string
  day: string
  starts_at: string
  departs_at: string
}

/** One visit that is not as it was. */
export interface VisitChange {
  visit_id: string
  no: string
  title: string
  priority: number
  difference: 'placed' | 'left_out' | 'moved' | 'shifted'
  before: VisitPlace | null
  after: VisitPlace | null
  late_before_min: number
  late_after_min: number
}

/** Proposals side by side with what runs. */
export interface Comparison {
  day: string
  days: number
  against: string | null
  before: PlanSums
  plans: {
    plan_id: string
    kind: PlanKind
    sums: PlanSums
    terms: { name: string; before: number; after: number }[]
    moved: number
    changes: VisitChange[]
    broken: Finding[]
  }[]
}

export interface Absence {
  id: string
  technician_id: string
  kind: 'sick' | 'late' | 'leave' | 'other'
  begins_at: string
  ends_at: string
  note: string
}

/** What plans cost and allow. */
export interface PlanRules {
  version: number
  weights: Record<string, number>
  usual: Record<string, number>
  overtime_min: number
  frozen_min: number
  budget: number
  split_above: number
  on_events: 'off' | 'propose'
}

/** A window that could be promised: what it adds, and with whom; no price where nobody can. */
export interface Offer {
  window_from: string
  window_to: string
  added_cost: number | null
  technician_id: string | null
  name: string
}

export interface Plan {
  id: string
  version: number
  day: string
  days: number
  kind: PlanKind
  asked: Asked
  state: PlanState
  progress: number
  message: string | null
  cost: Record<string, number> | null
  published: string[]
  causes: Cause[]
  routes: {
    technician_id: string
    day: string
    stops: { visit_id: string; arrives_at: string; departs_at: string; travel_s: number; why: Why | null }[]
    travel_s: number
    work_s: number
  }[]
  unplaced: { visit_id: string; reasons: Reason[] }[]
  refused?: { visit_id: string; code: string; message: string }[]
}

/** A broken rule or something to know; one that stands was broken before. */
export interface Finding {
  code: string
  message: string
  visit_id: string | null
  standing?: boolean
}

/** An engineer's day with a visit in it, as it would be. */
export interface Placing {
  visit_id: string
  technician_id: string
  day: string
  fits: boolean
  starts_at: string | null
  added_travel_s: number | null
  violations: Finding[]
  notes: Finding[]
  stops: { visit_id: string; version: number; starts_at: string; departs_at: string; travel_s: number }[]
}

/** Where a visit goes, and the version that was seen of it. */
export interface VisitMove {
  visit_id: string
  version: number
  technician_id: string | null
  day: string | null
  arrives_at: string | null
  departs_at: string | null
  travel_s: number | null
  position: number | null
}

/** Somebody who could take a visit, or why not. */
export interface Candidate {
  technician_id: string
  name: string
  fits: boolean
  added_travel_s: number | null
  starts_at: string | null
  reasons: Finding[]
}

export type DeviceState = 'active' | 'suspended' | 'revoked'

export interface Device {
  id: string
  name: string
  platform: string
  app_version: string | null
  schema: number | null
  state: DeviceState
  registered_at: string
  last_contact_at: string | null
  last_pull_at?: string | null
  unsent: number
  clock_offset_ms: number
  clock_flagged: boolean
  wiped_at?: string | null
  diverged_at?: string | null
  account_name?: string | null
}

export interface StockLine {
  place_id: string
  place_name: string
  place_kind: string
  part_id: string
  sku: string
  name: string
  name_zh?: string | null
  on_hand: number
  reserved: number
  available: number
  unexplained: number
  min: number | null
  max: number | null
}

export interface Place {
  id: string
  name: string
  kind: string
}

export interface Move {
  id: string
  occurred_at: string
  kind: string
  part_id: string
  sku: string
  name: string
  name_zh: string | null
  qty: number
  from_place_name: string
  from_place_kind: string
  to_place_name: string
  to_place_kind: string
  reason: string | null
}

export interface Discrepancy {
  id: string
  part_id: string
  sku: string
  part_name: string
  part_name_zh: string | null
  van_name: string
  qty_open: number
  opened_at: string
  state: 'open' | 'resolved'
}

export interface PickLine extends SlipLine {
  sku: string
  name: string
  name_zh: string | null
  codes: string[]
  available: number
}

/** A slip as one reads it at the desk, with the names of its places and parts. */
export interface SlipDetail extends Omit<IssueSlip, 'lines'> {
  /** The code to show, for whoever hands over. */
  token: string | null
  lines: PickLine[]
  from_place_name: string
  to_place_name: string
}

export interface Figures {
  open_orders: number
  done_today: number
  promises: { kept: number; broken: number; share: number | null }
  first_time_fix: { share: number | null; n: number; provisional_n: number; definition: string }
  mtbf: { asset_id: string; name: string; hours: number | null; n: number; low: number | null; high: number | null; definition: string }[]
  stock_outs: { part_id?: string; sku?: string; name?: string; place_name?: string; on_hand?: number; min?: number | null }[]
  csat: { share: number | null; mean: number | null; n: number }
  load: { technician_id: string; name: string; visits: number; minutes: number }[]
  times: { computed_at: string | null; durations: Lesson; drives: Lesson }
}

/** What planned and actual times taught: factors in thousandths of the plan, and the error in a trial. */
export interface Lesson {
  n: number
  used: boolean
  trial: { n: number; before_s: number; after_s: number } | null
  groups: { name: string; per_mille: number }[]
  engineers: { technician_id: string; name: string; per_mille: number }[]
}

export interface AttentionRow {
  id: string
  version: number
  kind: string
  entity: string
  entity_id: string
  field: string | null
  office_value: unknown
  phone_value: unknown
  mutation_id: string | null
  message: string
  state: 'open' | 'settled'
  created_at: string
  about: {
    order_id: string | null
    order_no: string | null
    title: string | null
    customer_name: string | null
    site_name: string | null
    technician_name: string | null
  } | null
}

export interface TimelineItem {
  at: string
  kind: string
  who: string
  what: string
  details: Record<string, unknown> | null
}

export interface AssetLine {
  id: string
  no: string
  name: string
  maker: string
  model: string
  serial: string
}

export interface NewOrder {
  asset_id: string
  title: string
  description: string
  kind: WorkOrder['kind']
  priority: number
  duration_min: number
  skills: { code: string; level: number }[]
  window_from: string | null
  window_to: string | null
}

/** Where an engineer was last, and when. */
export interface Seen {
  technician_id: string
  visit_id: string
  at: string
  lat: number
  lng: number
  accuracy_m: number | null
}

export interface Sharing {
  sharing: boolean
  since: string | null
  kept_hours: number
}

type Query = Record<string, string | number | null | undefined>

function withQuery(path: string, query: Query): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '')
  const search = new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString()
  return search ? `${path}?${search}` : path
}

const get = <T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> =>
  door.call<T>('GET', withQuery(path, query), signal ? { signal } : {})
const put = <T>(path: string, body: unknown = {}): Promise<T> => door.call<T>('PUT', path, { body })
const post = <T>(path: string, body: unknown = {}): Promise<T> => door.call<T>('POST', path, { body })

/** The REST door, one function for each thing that the desk pages do. */
export const api = {
  requests: (signal?: AbortSignal) => get<List<FaultRequest>>('/v1/requests', { limit: 100 }, signal),
  request: (id: string) => get<FaultRequest>(`/v1/requests/${id}`),
  orderFromRequest: (id: string, order: { title?: string; priority?: number; duration_min?: number }) =>
    post<WorkOrder>(`/v1/requests/${id}/order`, order),
  rejectRequest: (id: string, reason: string) => post(`/v1/requests/${id}/rejection`, { reason }),

  failureCodes: async (): Promise<FailureCode[]> => (await get<List<FailureCode>>('/v1/failure-codes')).items,
  symptoms: async (): Promise<Record<string, Label>> => {
    const codes = await api.failureCodes()
    return Object.fromEntries(codes.filter((each) => each.level === 'symptom').map((each) => [each.code, each.label]))
  },
  asset: (id: string) => get<Asset>(`/v1/assets/${id}`),
  workOrder: (id: string) => get<WorkOrder>(`/v1/work-orders/${id}`),
  newOrder: (order: NewOrder) => post<WorkOrder>('/v1/work-orders', order),
  holdOrder: (id: string, reason: string) => put<WorkOrder>(`/v1/work-orders/${id}/hold`, { reason }),
  releaseOrder: (id: string) => door.call<WorkOrder>('DELETE', `/v1/work-orders/${id}/hold`),
  cancelOrder: (id: string, reason: string) => put<WorkOrder>(`/v1/work-orders/${id}/cancellation`, { reason }),
  closeOrder: (id: string) => put<WorkOrder>(`/v1/work-orders/${id}/closure`),
  timeline: (id: string, signal?: AbortSignal) => get<List<TimelineItem>>(`/v1/work-orders/${id}/timeline`, {}, signal),
  comment: (id: string, text: string) => post(`/v1/work-orders/${id}/comments`, { text }),
  visitsOf: (orderId: string, signal?: AbortSignal) => get<List<Visit>>('/v1/visits', { order_id: orderId }, signal),
  shareArrival: (visitId: string) => post<{ url: string }>(`/v1/visits/${visitId}/arrival-link`),
  positions: async (signal?: AbortSignal) => (await get<List<Seen>>('/v1/positions', {}, signal)).items,
  sharing: () => get<Sharing>('/v1/positions/consent'),
  sharePosition: () => put<Sharing>('/v1/positions/consent'),
  stopSharing: () => door.call<Sharing>('DELETE', '/v1/positions/consent'),
  tellPosition: (position: { lat: number; lng: number; accuracy_m: number; at: string }) => post('/v1/positions', position),
  shareReport: (visitId: string) => post<{ url: string }>(`/v1/visits/${visitId}/report-link`),
  assets: (search: string, signal?: AbortSignal) => get<List<AssetLine>>('/v1/assets', { search, limit: 12 }, signal),
  technicians: (signal?: AbortSignal) => get<List<TechnicianLine>>('/v1/technicians', {}, signal),
  territories: (signal?: AbortSignal) => get<List<Territory>>('/v1/territories', {}, signal),
  newTerritory: (name: string) => post<Territory>('/v1/territories', { name }),
  dropTerritory: (id: string) => door.call('DELETE', `/v1/territories/${id}`),
  coverTerritories: (technicianId: string, territories: string[]) => put(`/v1/technicians/${technicianId}/territories`, { territories }),
  wishes: (signal?: AbortSignal) => get<List<Wish>>('/v1/dispatch/wishes', {}, signal),
  sayWishes: (whose: 'site' | 'customer', id: string, whom: { preferred: string[]; forbidden: string[] }) => put(`/v1/${whose}s/${id}/wishes`, whom),
  findPlace: (siteId: string, signal?: AbortSignal) => get<{ lat: number; lng: number; name: string; away_m: number }>(`/v1/sites/${siteId}/place`, {}, signal),
  placeSite: (siteId: string, place: { lat: number; lng: number }) => put(`/v1/sites/${siteId}/place`, place),
  placeInTerritory: (siteId: string, territory: string | null) => put(`/v1/sites/${siteId}/territory`, { territory }),
  sayKind: (technicianId: string, kind: 'own' | 'contractor', hourly: number) =>
    put(`/v1/technicians/${technicianId}/kind`, { kind, hourly_cost_micro: hourly }),
  allSites: async (signal?: AbortSignal): Promise<SiteLine[]> => {
    const sites: SiteLine[] = []
    let cursor: string | null = null
    do {
      const page: List<SiteLine> = await get<List<SiteLine>>('/v1/sites', { limit: 200, cursor }, signal)
      sites.push(...page.items)
      cursor = page.next
    } while (cursor)
    return sites
  },
  rules: (signal?: AbortSignal) => get<List<Rule>>('/v1/dispatch/assignment-rules', {}, signal),
  newRule: (rule: Omit<Rule, 'id' | 'active'>) => post<Rule>('/v1/dispatch/assignment-rules', rule),
  changeRule: (id: string, fields: Partial<Omit<Rule, 'id'>>) => door.call<Rule>('PATCH', `/v1/dispatch/assignment-rules/${id}`, { body: fields }),
  standby: (signal?: AbortSignal) => get<List<Standby>>('/v1/dispatch/standby', {}, signal),
  putOnCall: (span: Omit<Standby, 'id'>) => post<Standby>('/v1/dispatch/standby', span),
  takeOffCall: (id: string) => door.call('DELETE', `/v1/dispatch/standby/${id}`),
  assignments: (signal?: AbortSignal) => get<List<Assignment>>('/v1/dispatch/assignments', {}, signal),
  undoAssignment: (id: string) => put<Assignment>(`/v1/dispatch/assignments/${id}/undoing`),
  changeOrder: (order: { id: string; version: number }, fields: Partial<WorkOrder>) =>
    door.call<WorkOrder>('PATCH', `/v1/work-orders/${order.id}`, {
      body: fields,
      headers: { 'If-Match': `"${order.version}"` },
    }),
  changeVisit: (visit: { id: string; version: number }, fields: Partial<Visit> & { start_locked?: boolean }) =>
    door.call<Visit>('PATCH', `/v1/visits/${visit.id}`, {
      body: fields,
      headers: { 'If-Match': `"${visit.version}"` },
    }),

  board: (day: string, days: number, signal?: AbortSignal) => get<Board>('/v1/dispatch/board', { day, days }, signal),
  check: (placing: { visit_id: string; technician_id: string; day: string; starts_at: string | null }) =>
    post<Placing>('/v1/dispatch/check', placing),
  moveVisits: (moves: VisitMove[]) => post<{ visits: Visit[] }>('/v1/dispatch/moves', { moves }),
  candidates: (visitId: string, day: string, signal?: AbortSignal) =>
    get<{ candidates: Candidate[] }>(`/v1/visits/${visitId}/candidates`, { day }, signal),
  startPlan: (asked: AskPlan) => post<Plan>('/v1/dispatch/plans', asked),
  plan: (id: string) => get<Plan>(`/v1/dispatch/plans/${id}`),
  proposals: (day: string, signal?: AbortSignal) => get<List<PlanLine>>('/v1/dispatch/plans', { day }, signal),
  comparison: (plans: string[], against: string | null, signal?: AbortSignal) =>
    get<Comparison>('/v1/dispatch/comparison', { plans: plans.join(','), against }, signal),
  publishPlan: (id: string, visitIds: string[] | null = null) =>
    put<Plan>(`/v1/dispatch/plans/${id}/publication`, visitIds ? { visit_ids: visitIds } : {}),
  replan: (event: { event: 'emergency' | 'cancellation' | 'absence'; day: string; visit_id?: string; technician_id?: string; budget?: number; seconds?: number }) =>
    post<Plan>('/v1/dispatch/replans', event),
  absences: (day: string, signal?: AbortSignal) => get<List<Absence>>('/v1/dispatch/absences', { day }, signal),
  noteAbsence: (absence: { technician_id: string; kind: Absence['kind']; begins_at?: string; ends_at?: string; delay_min?: number; note?: string }) =>
    post<Absence>('/v1/dispatch/absences', absence),
  callOffAbsence: (id: string) => door.call('DELETE', `/v1/dispatch/absences/${id}`),
  planRules: (signal?: AbortSignal) => get<PlanRules>('/v1/dispatch/rules', {}, signal),
  setPlanRules: (rules: Partial<Omit<PlanRules, 'version' | 'usual'>>) => put<PlanRules>('/v1/dispatch/rules', rules),
  offers: (visitId: string, query: { day: string; days: number; hours: number }, signal?: AbortSignal) =>
    get<{ offers: Offer[] }>(`/v1/visits/${visitId}/offers`, query, signal),
  clearPlans: (day: string) => door.call('DELETE', `/v1/dispatch/plans?day=${day}`),
  cancelPlan: (id: string) => door.call('DELETE', `/v1/dispatch/plans/${id}`),

  devices: (signal?: AbortSignal) => get<List<Device>>('/v1/devices', { limit: 200 }, signal),
  setDevice: (id: string, state: DeviceState) => put(`/v1/devices/${id}/state`, { state }),
  attention: (signal?: AbortSignal) => get<List<AttentionRow>>('/v1/attention', { limit: 100 }, signal),
  settle: (id: string, keep: 'office' | 'phone') => put(`/v1/attention/${id}/settlement`, { keep }),
  sayAgain: (id: string) => post(`/v1/attention/${id}/retry`),

  places: () => get<List<Place>>('/v1/places', { limit: 200 }),
  stock: (query: { place_id?: string; part_id?: string; cursor?: string | null }, signal?: AbortSignal) =>
    get<List<StockLine>>('/v1/stock', { limit: 200, ...query }, signal),
  moves: (query: { place_id?: string; part_id?: string }, signal?: AbortSignal) =>
    get<List<Move>>('/v1/stock/moves', { limit: 100, ...query }, signal),
  slips: (signal?: AbortSignal) => get<List<SlipDetail>>('/v1/slips', { limit: 100 }, signal),
  slip: (id: string, signal?: AbortSignal) => get<SlipDetail>(`/v1/slips/${id}`, {}, signal),
  approveSlip: (id: string) => put<IssueSlip>(`/v1/slips/${id}/approval`),
  pickLine: (id: string, lineId: string, pick: { code?: string; qty: number; short_reason?: string }) =>
    put<IssueSlip>(`/v1/slips/${id}/lines/${lineId}/pick`, pick),
  readySlip: (id: string) => put<IssueSlip>(`/v1/slips/${id}/readiness`),
  handOverSlip: (id: string) => put<IssueSlip>(`/v1/slips/${id}/hand-over`),
  discrepancies: (signal?: AbortSignal) => get<List<Discrepancy>>('/v1/discrepancies', { limit: 100 }, signal),

  figures: (from: string, to: string, signal?: AbortSignal) => get<Figures>('/v1/figures', { since: from, until: to }, signal),
}

