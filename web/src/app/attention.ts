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

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/

/** The word for a value that the programs name by a code; none where it is not one of them. */
function coded(name: string, value: string): string {
  const key = name === 'reported' ? `say.${value}` : name === 'state' || name === 'outcome' ? `visit.state.${value}` : name === 'reason' ? `hold.${value}` : ''
  const said = key ? t(key as Word) : key
  return said === key ? '' : said
}

/** What a phone says is called. */
export function sayingName(type: string): string {
  return coded('reported', type) || type
}

function lines(value: unknown, name: string, zone: string | undefined): string[] {
  if (value === null || value === undefined || value === '') return []
  if (Array.isArray(value)) return value.flatMap((each) => lines(each, name, zone))
  if (typeof value === 'object') return Object.entries(value).flatMap(([key, each]) => lines(each, key, zone))
  // Ids and hashes say nothing to people.
  if (name === 'id' || name.endsWith('_id') || name.includes('sha256') || name === 'seq') return []
  const text = String(value)
  return [coded(name, text) || (MOMENT.test(text) ? dayAndClock(text, zone) : text)]
}

/** Write a value of either side as a person would read it. */
export function plain(value: unknown, zone?: string): string {
  return lines(unwrapped(value), '', zone).join('\n')
}

/** Write a value of a field in the words and the time of whoever reads it. */
export function plainField(field: string | null, value: unknown, zone: string | undefined): string {
  const bare = unwrapped(value)
  if (field === 'priority' && (bare === 1 || bare === 2 || bare === 3 || bare === 4)) return t(`priority.${bare}`)
  if ((field === 'window_from' || field === 'window_to') && typeof bare === 'string') return dayAndClock(bare, zone)
  return plain(value, zone)
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
