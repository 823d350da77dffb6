import type { Visit, VisitState } from '@fieldwright/sync'
import type { Tone } from '../kit/tone'

export const TONES: Record<VisitState, Tone> = {
  proposed: 'plain',
  confirmed: 'plain',
  dispatched: 'calm',
  accepted: 'calm',
  declined: 'plain',
  travelling: 'brand',
  on_site: 'brand',
  working: 'brand',
  paused: 'warn',
  completed: 'good',
  partially_completed: 'warn',
  could_not_complete: 'bad',
  cancelled: 'bad',
}

export const CLOSED: readonly VisitState[] = ['completed', 'partially_completed', 'could_not_complete', 'cancelled', 'declined']

export function isClosed(visit: Visit): boolean {
  return CLOSED.includes(visit.state)
}

export function byRoute(a: Visit, b: Visit): number {
  const day = (a.day ?? '9').localeCompare(b.day ?? '9')
  if (day !== 0) return day
  if (a.position !== null && b.position !== null && a.position !== b.position) return a.position - b.position
  return (a.arrives_at ?? '9').localeCompare(b.arrives_at ?? '9')
}
