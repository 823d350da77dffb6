import type { WorkOrder } from '@fieldwright/sync'
import type { TimelineItem } from '../api'
import { clock, dayAndClock, dayIn } from '../time'
import { t, type Word } from '../words.svelte'

const MINUTE_MS = 60_000
const HOLDS: Record<string, Word> = {
  customer: 'hold.customer',
  access: 'hold.access',
  parts: 'hold.parts',
  supplier: 'hold.supplier',
  weather: 'hold.weather',
  reprioritised: 'hold.reprioritised',
}

const KINDS: Record<string, Word> = {
  opened: 'timeline.opened',
  travelled: 'timeline.travelled',
  arrived: 'timeline.arrived',
  started: 'timeline.started',
  completed: 'timeline.completed',
  comment: 'timeline.comment',
  held: 'timeline.held',
  released: 'timeline.released',
  part: 'timeline.part',
  photo: 'timeline.photo',
  signed: 'timeline.signed',
  verdict: 'timeline.verdict',
  closed: 'timeline.closed',
}

const named = (words: Record<string, Word>, key: string): string => (words[key] ? t(words[key]) : key)

/** Say what a promise is and which stretches made it so, so that nobody has to take the clock's word for it. */
export function promiseOf(order: WorkOrder, zone: string | undefined): string[] {
  const { sla } = order
  if (!sla || !order.due_at) return [t('sla.none')]
  const kept = sla.met_at ? t('sla.met', { at: dayAndClock(sla.met_at, zone) }) : ''
  const broken = sla.breached_at ? t('sla.breached', { at: dayAndClock(sla.breached_at, zone) }) : ''
  const lasted = ({ since, until }: { since: string; until: string | null }): boolean => until === null || Date.parse(until) - Date.parse(since) >= MINUTE_MS
  // A pause is somebody's word and is told however short it was; that the clock ran for seconds tells nothing.
  const stretches = sla.segments.filter((each) => each.state === 'paused' || lasted(each)).map(({ since, until, state, reason }) => {
    const short = until !== null && dayIn(zone, new Date(since)) === dayIn(zone, new Date(until))
    const stretch = until && lasted({ since, until }) ? `${dayAndClock(since, zone)} – ${short ? clock(until, zone) : dayAndClock(until, zone)}` : dayAndClock(since, zone)
    if (state === 'paused') return t('sla.paused', { stretch, reason: reason ? named(HOLDS, reason) : '' })
    return t(state === 'running' ? 'sla.running' : 'sla.out_of_hours', { stretch })
  })
  return [t('sla.due', { at: dayAndClock(order.due_at, zone) }), kept, broken, ...stretches].filter(Boolean)
}

/** Say what happened in a line, and in the words of whoever did it. */
export function happening({ kind, what, details }: TimelineItem): { title: string; text: string } {
  const title = named(KINDS, kind)
  switch (kind) {
    case 'held':
    case 'released':
      return { title, text: named(HOLDS, what) }
    case 'part':
      return { title, text: `${Number(details?.qty ?? 1)} × ${what}` }
    case 'photo':
      return { title, text: ['before', 'after', 'damage', 'other'].includes(what) ? t(`photo.${what as 'before'}`) : what }
    case 'verdict':
      return { title, text: [what, details?.rating ? `${Number(details.rating)} / 5` : ''].filter(Boolean).join(' · ') }
    case 'closed':
      return { title, text: what === 'closed' ? '' : what }
    default:
      return { title, text: what }
  }
}
