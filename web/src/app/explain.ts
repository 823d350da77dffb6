import { NoRoom, Refusal, Unreachable } from '@fieldwright/sync'
import { t } from './words.svelte'

/** Say what went wrong and what to do, in words. */
export function explain(error: unknown): string {
  if (error instanceof Unreachable) return t('error.offline')
  if (error instanceof NoRoom) return t('error.full')
  if (!(error instanceof Refusal)) return error instanceof Error ? error.message : t('error.unknown')
  if (error.code === 'sign_in' || error.code === 'session_ended') return t('error.sign_in')
  // What is busy has said so in words, and nothing is to be reported.
  if (error.code === 'busy' && error.message) return error.message
  const fields = Object.values((error.details.fields ?? {}) as Record<string, string[]>).flat()
  if (fields.length > 0) return `${error.message} ${fields.join(' ')}`
  if (error.status === 403) return error.message || t('error.forbidden')
  if (error.status >= 500) return t('error.server', { id: error.requestId ?? '–' })
  return error.message || t('error.unknown')
}
