import type { AttentionRow } from '../api'
import { plain } from '../attention'
import { t, type Word } from '../words.svelte'

/** What a phone said and we kept whole. */
export interface SaidOnSite {
  type: string
  happened_at: string
  args: Record<string, unknown>
}

const KINDS: Record<string, Word> = {
  conflict: 'conflicts.kind.conflict',
  diverged: 'conflicts.kind.diverged',
  quarantined: 'conflicts.kind.quarantined',
  refused: 'conflicts.kind.refused',
  scrub: 'conflicts.kind.scrub',
}
const YEAR_MS = 366 * 24 * 3600_000

/** Say why a matter is before the office. */
export function kindOf({ kind }: AttentionRow): string {
  return t(KINDS[kind] ?? 'conflicts.kind.review')
}

/** Return the mutation that a matter is about, where it is about one. */
export function saidOnSite({ mutation_id, phone_value }: AttentionRow): SaidOnSite | null {
  const said = (phone_value as { value?: Partial<SaidOnSite> } | null)?.value
  if (!mutation_id || typeof said !== 'object' || !said.type || !said.args) return null
  return { type: said.type, happened_at: said.happened_at ?? '', args: said.args }
}

/** What may be said again: a word that was not applied. One that is older than a year was, and counts from when it came. */
export function mayBeSaidAgain(row: AttentionRow): boolean {
  const said = saidOnSite(row)
  return said !== null && !(Date.parse(row.created_at) - Date.parse(said.happened_at) > YEAR_MS)
}

/** Everything else that both sides have to say, without repeating the sentence above it. */
export function besides(row: AttentionRow, zone: string | undefined): string[] {
  const said = saidOnSite(row)
  const parts = said ? [plain(said.args, zone)] : [plain(row.office_value, zone), plain(row.phone_value, zone)]
  return parts.filter((each) => each && each !== row.message)
}

/** Order, machine or phone, with the place and the engineer, as one line each. */
export function whereAndWho({ about }: AttentionRow): string {
  const names = [about?.customer_name, about?.site_name, about?.technician_name].filter(Boolean)
  return [...new Set(names)].join(' · ')
}
