/** What the server describes, written by `npm run types`. Not to be edited. */

export interface AssetView {
  id: string
  version: number
  no: string
  name: string
  public_name: string
  maker: string
  model: string
  serial: string
  kind: string
  parent_id: string | null
  site_id: string
  customer_id: string
  location_path: string
  criticality: 'A' | 'B' | 'C'
  state: 'operating' | 'standby' | 'degraded' | 'down' | 'retired'
  commissioned_on: string | null
  recent_repairs: (RecentRepair)[]
}

export interface AttentionView {
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
  messages: Record<string, string>
  state: string
  created_at: string
}

export interface CommentView {
  id: string
  version: number
  order_id: string
  author: string
  at: string
  text: string
}

export interface CustomerView {
  id: string
  version: number
  name: string
  language: string
  contact_name: string
  contact_phone: string
  email: string | null
}

export interface FailureCodeView {
  id: string
  version: number
  level: 'symptom' | 'mode' | 'cause' | 'remedy'
  code: string
  label: Record<string, string>
  asset_kind: string | null
  rank: number
}

export interface IssueSlipView {
  id: string
  version: number
  no: string
  from_place_id: string
  to_place_id: string
  state: 'draft' | 'approved' | 'picking' | 'ready' | 'handed_over' | 'closed' | 'void'
  reason: string
  token_sha256: string
  lines: (SlipLine)[]
  handed_by: string | null
  received_by: string | null
}

export interface OrderPart {
  part_id: string
  qty: number
}

export interface OrderSkill {
  code: string
  level: number
}

export interface OrderView {
  id: string
  version: number
  no: string
  title: string
  description: string
  kind: 'corrective' | 'preventive' | 'installation' | 'inspection'
  priority: number
  state: 'new' | 'planned' | 'scheduled' | 'in_progress' | 'on_hold' | 'work_done' | 'verified' | 'closed' | 'cancelled'
  hold_reason: string | null
  asset_id: string | null
  site_id: string
  customer_id: string
  symptom: string | null
  skills: (OrderSkill)[]
  parts: (OrderPart)[]
  duration_min: number
  window_from: string | null
  window_to: string | null
  due_at: string | null
  sla: SlaView | null
  checklist: (Step)[]
  opened_at: string
  first_completed_at: string | null
  closed_at: string | null
}

export interface PartUseView {
  id: string
  version: number
  visit_id: string
  order_id: string
  part_id: string
  qty: number
  code: string | null
  used_at: string
}

export interface PartView {
  id: string
  version: number
  sku: string
  name: string
  name_zh: string
  unit: string
  tracking: 'none' | 'lot' | 'serial'
  codes: (string)[]
  successor_id: string | null
}

export interface PhotoView {
  id: string
  version: number
  order_id: string
  visit_id: string | null
  sha256: string
  kind: string
  taken_at: string
  state: 'awaiting' | 'stored'
}

export interface ReadingView {
  id: string
  version: number
  asset_id: string
  visit_id: string | null
  meter: string
  value: number
  unit: string
  at: string
  by: string
}

export interface RecentRepair {
  order_no: string
  day: string
  title: string
  failure_mode: string | null
  cause: string | null
  remedy: string | null
  parts: (RepairPart)[]
  cost_micro: number | null
  technician: string | null
}

export interface RepairDoc {
  id: string
  version: number
  asset_id: string
  order_no: string
  day: string
  finished_at: string
  kind: string
  title: string
  symptom: string | null
  failure_mode: string | null
  cause: string | null
  remedy: string | null
  component: string | null
  parts: (RepairPart)[]
  cost_micro: number | null
  technician: string | null
  visits: number
  fixed: boolean
}

export interface RepairPart {
  sku: string
  name: string
  qty: number
}

export interface SignOffDoc {
  id: string
  version: number
  visit_id: string
  order_id: string
  number: number
  manifest_sha256: string
  signer_name: string | null
  refusal: string | null
  sealed_at_device: string
  verdict: string | null
}

export interface SiteView {
  id: string
  version: number
  customer_id: string
  name: string
  address: string
  lat: number
  lng: number
  timezone: string
  contact_name: string
  contact_phone: string
  access_notes: string
}

export interface Skill {
  code: string
  level: number
  expires_on: string | null
}

export interface SlaSegment {
  since: string
  until: string
  state: string
  reason: string | null
}

export interface SlaView {
  due_at: string
  warn_at: string | null
  breached_at: string | null
  met_at: string | null
  segments: (SlaSegment)[]
}

export interface SlipLine {
  id: string
  part_id: string
  qty_asked: number
  qty_picked: number
  short_reason: string | null
}

export interface Step {
  key: string
  label: Record<string, string>
  kind: 'check' | 'number' | 'text' | 'choice'
  required: boolean
  unit: string | null
  min: number | null
  max: number | null
  choices: (string)[] | null
}

export interface TechnicianView {
  id: string
  version: number
  no: string
  name: string
  phone: string
  skills: (Skill)[]
  home_lat: number
  home_lng: number
  shift_from: string
  shift_to: string
  days: (number)[]
  van_place_id: string | null
}

export interface TimeEntryView {
  id: string
  version: number
  visit_id: string
  order_id: string
  technician_id: string
  kind: 'travel' | 'work' | 'break' | 'waiting'
  begun_at: string
  ended_at: string
  note: string | null
}

export interface VanStockView {
  id: string
  version: number
  place_id: string
  part_id: string
  on_hand: number
  reserved: number
  unexplained: number
  min: number
  max: number
}

export interface VisitHold {
  reason: 'customer' | 'access' | 'parts' | 'supplier' | 'weather' | 'other'
  since: string
  text: string | null
}

export interface VisitView {
  id: string
  version: number
  no: string
  order_id: string
  technician_id: string | null
  state: 'proposed' | 'confirmed' | 'dispatched' | 'accepted' | 'declined' | 'travelling' | 'on_site' | 'working' | 'paused' | 'completed' | 'partially_completed' | 'could_not_complete' | 'cancelled'
  day: string | null
  arrives_at: string | null
  departs_at: string | null
  travel_s: number | null
  position: number | null
  duration_min: number
  window_from: string | null
  window_to: string | null
  locked: boolean
  hold: VisitHold | null
  outcome_reason: string | null
  findings: string | null
  failure_mode: string | null
  cause: string | null
  remedy: string | null
  answers: Record<string, unknown>
  no_parts_used: boolean
  travel_started_at: string | null
  arrived_at: string | null
  work_started_at: string | null
  completed_at: string | null
  needs_review: boolean
  signoff_id: string | null
}

export interface Views {
  asset: AssetView
  attention: AttentionView
  comment: CommentView
  customer: CustomerView
  failure_code: FailureCodeView
  issue_slip: IssueSlipView
  part: PartView
  part_use: PartUseView
  photo: PhotoView
  reading: ReadingView
  repair: RepairDoc
  signoff: SignOffDoc
  site: SiteView
  technician: TechnicianView
  time_entry: TimeEntryView
  van_stock: VanStockView
  visit: VisitView
  work_order: OrderView
}

export type Understood =
  | 'attention.settle'
  | 'comment.add'
  | 'order.edit'
  | 'order.open'
  | 'part.consume'
  | 'photo.attach'
  | 'reading.add'
  | 'signoff.seal'
  | 'slip.receive'
  | 'time.add'
  | 'visit.accept'
  | 'visit.answer'
  | 'visit.arrive'
  | 'visit.claim'
  | 'visit.complete'
  | 'visit.decline'
  | 'visit.hold'
  | 'visit.pause'
  | 'visit.start'
  | 'visit.travel'
