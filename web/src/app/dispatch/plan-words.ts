import type { PlanKind, PlanLine } from '../api'
import { dayName } from '../time'
import { t, type Word } from '../words.svelte'

export const KINDS: Record<PlanKind, Word> = {
  plan: 'plan.kind.plan',
  what_if: 'plan.kind.what_if',
  emergency: 'plan.kind.emergency',
  cancellation: 'plan.kind.cancellation',
  absence: 'plan.kind.absence',
  late: 'plan.kind.late',
}

const TERMS: Record<string, Word> = {
  travel: 'cost.travel',
  late: 'cost.lateness',
  unplaced: 'cost.unplaced',
  moved: 'cost.changes',
  overtime: 'cost.overtime',
  not_preferred: 'cost.not_preferred',
  promise: 'cost.promise',
  same_person: 'cost.same_person',
  balance: 'cost.balance',
  moved_time: 'cost.moved_time',
  span: 'cost.span',
  fixed: 'cost.fixed',
  total: 'cost.total',
}

/** A term of a plan's cost in words. */
export const term = (name: string): string => (TERMS[name] ? t(TERMS[name]) : name.replaceAll('_', ' '))

const PRICES: Record<string, Word> = {
  travel: 'price.travel',
  overtime: 'price.overtime',
  late: 'price.late',
  late_steep: 'price.late_steep',
  late_steep_after_s: 'price.late_steep_after_s',
  unplaced: 'price.unplaced',
  unplaced_locked: 'price.unplaced_locked',
  promise_broken: 'price.promise_broken',
  not_preferred: 'price.not_preferred',
  same_person: 'price.same_person',
  balance: 'price.balance',
  moved: 'price.moved',
  moved_time: 'price.moved_time',
  moved_tolerance_s: 'price.moved_tolerance_s',
  span: 'price.span',
  fixed: 'price.fixed',
}

/** A price in words: `late.1` is lateness of the first urgency. */
export function priceName(name: string): string {
  const [table = '', level] = name.split('.')
  const word = PRICES[table] ? t(PRICES[table]) : table.replaceAll('_', ' ')
  return level ? `${word}: ${t(`priority.${level as '1' | '2' | '3' | '4'}`)}` : word
}

/** What a proposal is, in one line. */
export function planName(plan: Pick<PlanLine, 'kind' | 'day' | 'days'>): string {
  const days = plan.days > 1 ? t('plan.days', { n: plan.days }) : ''
  return [t(KINDS[plan.kind]), dayName(plan.day), days].filter(Boolean).join(' · ')
}
