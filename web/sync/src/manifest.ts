import { canonicalJson, type Canonical } from './canonical'
import type { Answer, Asset, ChecklistItem, Label, Language, Outcome, Part, Visit, WorkOrder } from './documents'
import { sha256Hex } from './hash'

/** What the customer is shown and signs, value by value. */
export interface Manifest {
  schema: 1
  organisation: string
  order_no: string
  visit_no: string
  visit_id: string
  language: Language
  asset: { name: string; model: string | null; serial: string | null; location: string | null } | null
  fault: string
  findings: string
  failure_mode: string | null
  cause: string | null
  remedy: string | null
  outcome: Outcome
  checklist: { key: string; label: string; value: string | number | boolean | null }[]
  parts: { sku: string; name: string; qty: number }[]
  photos: string[]
  times: {
    travel_started_at: string | null
    arrived_at: string | null
    work_started_at: string | null
    completed_at: string
  }
  technician: string
  statement: string
}

export interface ManifestSource {
  organisation: string
  language: Language
  order: WorkOrder
  visit: Visit
  asset: Asset | undefined
  technician: string
  outcome: Outcome
  findings: string
  failureMode: string | null
  cause: string | null
  remedy: string | null
  fault: string
  used: { part: Part | undefined; qty: number }[]
  photos: string[]
  completedAt: string
  statement: string
}

export function inLanguage(label: Label | undefined, language: Language): string {
  return label?.[language] ?? label?.en ?? label?.['zh-CN'] ?? ''
}

export function partName(part: Part, language: Language): string {
  return (language === 'zh-CN' ? part.name_zh : null) ?? part.name
}

export function choicesOf(item: ChecklistItem, language: Language): { value: string; label: string }[] {
  return (item.choices ?? []).map((choice) =>
    typeof choice === 'string'
      ? { value: choice, label: choice }
      : { value: choice.value, label: inLanguage(choice.label, language) || choice.value },
  )
}

/** A seal holds whole numbers only, so a reading with a fraction goes in as it was written. */
function sealed(item: ChecklistItem, answer: Answer | undefined, language: Language): string | number | boolean | null {
  if (answer === undefined || answer === null || answer === '') return null
  if (typeof answer === 'number') return Number.isSafeInteger(answer) ? answer : String(answer)
  if (item.kind === 'choice') return choicesOf(item, language).find((choice) => choice.value === answer)?.label ?? answer
  return answer
}

export function manifestOf(source: ManifestSource): Manifest {
  const { asset, order, visit, language } = source
  const parts = new Map<string, { sku: string; name: string; qty: number }>()
  for (const { part, qty } of source.used) {
    if (!part) continue
    const line = parts.get(part.id) ?? { sku: part.sku, name: partName(part, language), qty: 0 }
    line.qty += qty
    parts.set(part.id, line)
  }
  return {
    schema: 1,
    organisation: source.organisation,
    order_no: order.no,
    visit_no: visit.no,
    visit_id: visit.id,
    language,
    asset: asset
      ? { name: asset.name, model: asset.model ?? null, serial: asset.serial ?? null, location: asset.location_path ?? null }
      : null,
    fault: source.fault,
    findings: source.findings,
    failure_mode: source.failureMode,
    cause: source.cause,
    remedy: source.remedy,
    outcome: source.outcome,
    checklist: order.checklist.map((item) => ({
      key: item.key,
      label: [inLanguage(item.label, language), item.unit ? `(${item.unit})` : ''].filter(Boolean).join(' '),
      value: sealed(item, visit.answers[item.key], language),
    })),
    parts: [...parts.values()],
    photos: source.photos,
    times: {
      travel_started_at: visit.travel_started_at,
      arrived_at: visit.arrived_at,
      work_started_at: visit.work_started_at,
      completed_at: source.completedAt,
    },
    technician: source.technician,
    statement: source.statement,
  }
}

export function sealOf(manifest: Manifest): Promise<string> {
  return sha256Hex(canonicalJson(manifest as unknown as Canonical))
}
