/** The documents that the server sends to a phone, as its own description shapes them. */

import type {
  AssetView,
  AttentionView,
  CommentView,
  CustomerView,
  FailureCodeView,
  IssueSlipView,
  OrderView,
  PartUseView,
  PartView,
  PhotoView,
  ReadingView,
  RecentRepair,
  RepairDoc,
  SignOffDoc,
  SiteView,
  TechnicianView,
  TimeEntryView,
  VanStockView,
  Views,
  VisitHold,
  VisitView,
} from './openapi'

/** A view with what its description leaves open said more closely. */
type Closer<V, R extends { [K in keyof R]: K extends keyof V ? unknown : never }> = Omit<V, keyof R> & R

export type Language = 'zh-CN' | 'en'
export type Label = Partial<Record<Language, string>>
export type Answer = string | number | boolean | null

export type VisitState = VisitView['state']
export type Outcome = 'completed' | 'partially_completed' | 'could_not_complete'
export type HoldReason = VisitHold['reason']
export type Hold = VisitHold

/** A document that came before schema 2 has no `hold`. */
export type Visit = Closer<VisitView, { answers: Record<string, Answer>; hold?: Hold | null }>

export type OrderState = OrderView['state']

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

export interface Sla {
  due_at: string | null
  breached_at: string | null
  met_at?: string | null
  segments: SlaSegment[]
}

export type WorkOrder = Closer<OrderView, { checklist: ChecklistItem[]; sla: Sla | null }>

export type PastRepair = RecentRepair
export type Asset = AssetView
export type Site = SiteView
export type Customer = Closer<CustomerView, { language: Language }>
export type Part = Closer<PartView, { tracking: 'none' | 'lot' | 'serial' }>
export type VanStock = VanStockView
export type OrderComment = CommentView

export type PhotoKind = 'before' | 'after' | 'damage' | 'other'
export type Photo = Closer<PhotoView, { kind: PhotoKind }>
export type Technician = TechnicianView
export type FailureCode = Closer<FailureCodeView, { label: Label }>

export type SlipState = IssueSlipView['state']
export type IssueSlip = IssueSlipView
export type SlipLine = IssueSlip['lines'][number]

export type Attention = Closer<AttentionView, { state: 'open' | 'settled'; messages?: Label }>

export type Reading = ReadingView
export type TimeEntry = TimeEntryView
export type TimeKind = TimeEntry['kind']
export type PartUse = PartUseView
export type SignOff = SignOffDoc
export type Repair = RepairDoc

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
  reading: Reading
  time_entry: TimeEntry
  part_use: PartUse
  signoff: SignOff
  repair: Repair
}

export type Entity = keyof Documents

/** Every entity of the server's has its type here, and no other. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
export const COMPLETE: Same<Entity, keyof Views> = true
