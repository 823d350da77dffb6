import type { Answer, HoldReason, Label, Outcome, PhotoKind, TimeKind } from './documents'
import type { Manifest } from './manifest'
import type { Understood } from './openapi'

export type Stroke = [x: number, y: number, ms: number][]

export interface Signature {
  name: string
  relation: string
  strokes: Stroke[]
  signed_at: string
}

/** What a phone can say, and the arguments of each saying. */
export interface MutationArgs {
  'visit.accept': { visit_id: string }
  'visit.decline': { visit_id: string; reason: string }
  'visit.travel': { visit_id: string }
  'visit.arrive': { visit_id: string; lat?: number; lng?: number }
  'visit.start': { visit_id: string }
  'visit.hold': { visit_id: string; reason: HoldReason; text?: string }
  /** What schema 1 called a hold. Phones that are updated may still have it in their outbox. */
  'visit.pause': { visit_id: string; reason: string }
  'visit.claim': { visit_id: string }
  'visit.answer': { visit_id: string; key: string; value: Answer }
  'visit.complete': {
    visit_id: string
    outcome: Outcome
    reason?: string
    findings: string
    failure_mode?: string
    cause?: string
    remedy?: string
    answers?: Record<string, Answer>
    no_parts_used?: boolean
    parts?: { id: string; part_id: string; qty: number; code?: string }[]
  }
  'part.consume': { id: string; visit_id: string; part_id: string; qty: number; code?: string }
  'comment.add': { id: string; order_id: string; text: string }
  'photo.attach': { id: string; visit_id: string; sha256: string; kind: PhotoKind; taken_at: string }
  'signoff.seal': {
    id: string
    visit_id: string
    manifest: Manifest
    manifest_sha256: string
    signature: Signature | null
    refusal: { reason: string } | null
  }
  'slip.receive': { slip_id: string; token: string }
  'order.edit': { order_id: string; priority?: number; description?: string }
  'order.open': {
    order_id: string
    /** The visit of whoever sees to it at once; without it the order waits for somebody. */
    visit_id?: string
    asset_id?: string
    site_id?: string
    title: string
    description?: string
    priority?: number
    kind?: 'corrective' | 'preventive' | 'installation' | 'inspection'
  }
  'reading.add': { id: string; asset_id: string; meter: string; value: number; unit: string; visit_id?: string }
  'time.add': { id: string; visit_id: string; kind: TimeKind; begun_at: string; ended_at: string; note?: string }
  'attention.settle': { attention_id: string; keep: 'office' | 'phone'; note?: string }
  /** Takes the number of something that the server could not even read; the server refuses it and counts on. */
  'phone.left_out': Record<string, never>
}

export type MutationType = keyof MutationArgs

/** Whatever is said here is understood there, but for the one that is meant not to be. */
export const UNDERSTOOD: Exclude<MutationType, Understood> = 'phone.left_out'

/**
 * held: waits for its undo time; queued: to be sent; sent: sent at least once without an answer;
 * accepted: applied, kept until the next complete pull shows the result; the rest need a person.
 */
export type MutationState = 'held' | 'queued' | 'sent' | 'accepted' | 'review' | 'refused' | 'blocked' | 'dismissed'

export interface MutationError {
  code: string
  message: string
  /** The message in each language; servers of before say it in the account's alone. */
  messages?: Label
  details?: Record<string, unknown>
}

export interface MutationOf<T extends MutationType> {
  id: string
  /** Null while the mutation is held: a number once given must reach the server. */
  seq: number | null
  /** The shape it was said in. It is sent as that, however much newer the app is by then. */
  schema?: number
  type: T
  happened_at: string
  base: Record<string, number>
  depends_on: string[]
  args: MutationArgs[T]
  state: MutationState
  held_until?: number
  error?: MutationError
  notices?: unknown[]
  /** What the server's rows came to by it: until the phone has as much, its own picture stays. */
  versions?: Record<string, number>
  settled_at?: number
  retried_as?: string
}

export type Mutation = { [T in MutationType]: MutationOf<T> }[MutationType]
export type Saying = { [T in MutationType]: { type: T; args: MutationArgs[T] } }[MutationType]

export const UNSENT: readonly MutationState[] = ['held', 'queued', 'sent']
/** What the phone adds on top of the server's documents. */
export const SHOWN: readonly MutationState[] = ['held', 'queued', 'sent', 'accepted']
export const FOR_A_PERSON: readonly MutationState[] = ['review', 'refused', 'blocked']
