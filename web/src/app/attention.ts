import type { Label, MutationError } from '@fieldwright/sync'
import { skillName } from './skills'
import { dayAndClock } from './time'
import { say, t, type Word } from './words.svelte'

/** What the fields are called that both sides may change. */
const FIELDS: Record<string, Word> = {
  title: 'requests.title',
  description: 'order.description',
  priority: 'board.priority',
  duration_min: 'requests.duration',
  window_from: 'order.window_from',
  window_to: 'order.window_to',
}

export function fieldName(field: string | null): string {
  return field === null ? '' : field in FIELDS ? t(FIELDS[field]!) : field
}

/** Values of both sides come wrapped, so that "nothing" can be told from "not said". */
function unwrapped(value: unknown): unknown {
  return value !== null && typeof value === 'object' && 'value' in value ? value.value : value
}

function lines(value: unknown, name: string): string[] {
  if (value === null || value === undefined || value === '') return []
  if (Array.isArray(value)) return value.flatMap((each) => lines(each, name))
  if (typeof value === 'object') return Object.entries(value).flatMap(([key, each]) => lines(each, key))
  // Ids and hashes say nothing to people.
  if (name === 'id' || name.endsWith('_id') || name.includes('sha256') || name === 'seq') return []
  return [String(value)]
}

/** Write a value of either side as a person would read it. */
export function plain(value: unknown): string {
  return lines(unwrapped(value), '').join('\n')
}

/** Write a value of a field in the words and the time of whoever reads it. */
export function plainField(field: string | null, value: unknown, zone: string | undefined): string {
  const bare = unwrapped(value)
  if (field === 'priority' && (bare === 1 || bare === 2 || bare === 3 || bare === 4)) return t(`priority.${bare}`)
  if ((field === 'window_from' || field === 'window_to') && typeof bare === 'string') return dayAndClock(bare, zone)
  return plain(value)
}

/** Say a matter in the language of whoever reads it, whatever it was when the server wrote it down. */
export function inWords({ message, messages }: { message: string; messages?: Label }): string {
  return say(messages) || message
}

/** Say why something was refused. */
export function whyRefused(error: MutationError): string {
  const { code, details } = error
  if (code === 'skill_missing' && typeof details?.skills === 'string') {
    return t('pool.skill', { skills: details.skills.split(', ').map(skillName).join(', ') })
  }
  return inWords(error)
}
