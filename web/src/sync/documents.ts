/** The documents that the server sends to a phone, as the sync protocol shapes them. */

export type Language = 'zh-CN' | 'en'
export type Label = Partial<Record<Language, string>>

export type VisitState =
  | 'proposed'
  | 'confirmed'
  | 'dispatched'
  | 'accepted'
  | 'declined'
  | 'travelling'
  | 'on_site'
  | 'working'
  | 'paused'
  | 'completed'
  | 'partially_completed'
  | 'could_not_complete'
  | 'cancelled'

export type Outcome = 'completed' | 'partially_completed' | 'could_not_complete'
export type Answer = string | number | boolean | null

export interface Visit {
  id: string
  version: number
  no: string
  order_id: string
  technician_id: string | null
  state: VisitState
  day: string | null
  arrives_at: string | null
  departs_at: string | null
  travel_s: number | null
  position: number | null
  duration_min: number
  window_from: string | null
  window_to: string | null
  locked: boolean
  outcome_reason: string | null
  findings: string | null
  failure_mode: string | null
  cause: string | null
  remedy: string | null
  answers: Record<string, Answer>
  travel_started_at: string | null
  arrived_at: string | null
  work_started_at: string | null
  completed_at: string | null
  needs_review: boolean
  signoff_id: string | null
}

export type OrderState =
  | 'new'
  | 'planned'
  | 'scheduled'
  | 'in_progress'
  | 'on_hold'
  | 'work_done'
  | 'verified'
  | 'closed'
  | 'cancelled'

export interface ChecklistItem {
  key: string
  label: Label
  kind: 'check' | 'number' | 'text' | 'choice'
  required: boolean
  unit?: string | null
  min?: number | null
  max?: number | null
  choices?: (string | { value: string; label: Label })[] | null
}

export interface SlaSegment {
  since: string
  until: string | null
  state: string
  reason: string | null
}

export interface WorkOrder {
  id: string
  version: number
  no: string
  title: string
  description: string
  kind: 'corrective' | 'preventive' | 'installation' | 'inspection'
  priority: number
  state: OrderState
  hold_reason: string | null
  asset_id: string | null
  site_id: string
  customer_id: string
  symptom: string | null
  skills: { code: string; level: number }[]
  parts: { part_id: string; qty: number }[]
  duration_min: number
  window_from: string | null
  window_to: string | null
  due_at: string | null
  sla: { due_at: string | null; breached_at: string | null; met_at?: string | null; segments: SlaSegment[] } | null
  checklist: ChecklistItem[]
  opened_at: string
  first_completed_at: string | null
  closed_at: string | null
}

export interface Repair {
  order_no: string
  day: string
  title: string
  failure_mode: string | null
  cause: string | null
  remedy: string | null
  parts: { sku: string; name: string; qty: number }[]
  cost_micro: number | null
  technician: string | null
}

export interface Asset {
  id: string
  version: number
  no: string
  name: string
  public_name: string
  maker: string | null
  model: string | null
  serial: string | null
  kind: string | null
  parent_id: string | null
  site_id: string
  customer_id: string
  location_path: string | null
  criticality: 'A' | 'B' | 'C'
  state: 'operating' | 'standby' | 'degraded' | 'down' | 'retired'
  commissioned_on: string | null
  recent_repairs: Repair[]
}

export interface Site {
  id: string
  version: number
  name: string
  address: string
  lat: number | null
  lng: number | null
  timezone: string
  customer_id: string
  contact_name: string | null
  contact_phone: string | null
  access_notes: string | null
}

export interface Customer {
  id: string
  version: number
  name: string
  language: Language
  contact_name: string | null
  contact_phone: string | null
  email: string | null
}

export interface Part {
  id: string
  version: number
  sku: string
  name: string
  name_zh: string | null
  unit: string
  tracking: 'none' | 'lot' | 'serial'
  codes: string[]
  successor_id: string | null
}

export interface VanStock {
  id: string
  version: number
  place_id: string
  part_id: string
  on_hand: number
  reserved: number
  unexplained: number
  min: number | null
  max: number | null
}

export interface OrderComment {
  id: string
  version: number
  order_id: string
  author: string
  text: string
  at: string
}

export type PhotoKind = 'before' | 'after' | 'damage' | 'other'

export interface Photo {
  id: string
  version: number
  order_id: string
  visit_id: string | null
  sha256: string
  kind: PhotoKind
  taken_at: string
  state: 'awaiting' | 'stored'
}

export interface Technician {
  id: string
  version: number
  name: string
  phone: string | null
  skills: { code: string; level: number; expires_on: string | null }[]
  home_lat: number | null
  home_lng: number | null
  van_place_id: string | null
  shift_from: string
  shift_to: string
  days: number[]
}

export interface FailureCode {
  id: string
  version: number
  level: 'symptom' | 'mode' | 'cause' | 'remedy'
  code: string
  label: Label
  asset_kind: string | null
  rank: number
}

export type SlipState = 'draft' | 'approved' | 'picking' | 'ready' | 'handed_over' | 'closed' | 'void'

export interface SlipLine {
  id: string
  part_id: string
  qty_asked: number
  qty_picked: number
  short_reason: string | null
}

export interface IssueSlip {
  id: string
  version: number
  no: string
  from_place_id: string
  to_place_id: string
  state: SlipState
  reason: string | null
  /** The hash of the code on the storekeeper's screen: known when seen, never held. */
  token_sha256: string
  lines: SlipLine[]
  handed_by: string | null
  received_by: string | null
}

export interface Attention {
  id: string
  version: number
  kind: string
  entity: string
  entity_id: string
  mutation_id: string | null
  field: string | null
  office_value: unknown
  phone_value: unknown
  message: string
  state: 'open' | 'settled'
}

export interface Documents {
  visit: Visit
  work_order: WorkOrder
  asset: Asset
  site: Site
  customer: Customer
  part: Part
  van_stock: VanStock
  comment: OrderComment
  photo: Photo
  technician: Technician
  failure_code: FailureCode
  issue_slip: IssueSlip
  attention: Attention
}

export type Entity = keyof Documents
