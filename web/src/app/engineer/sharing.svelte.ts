import { Refusal, type Technician, type Visit } from '@fieldwright/sync'
import { api } from '../api'
import { here } from '../home.svelte'
import { dayIn, minuteOfDay } from '../time'

const REMEMBERED = 'fieldwright.position'
const UNSAID = 'no, not yet said'
const EVERY_MS = 30_000
const FIX = { enableHighAccuracy: true, maximumAge: 0, timeout: 60_000 }
/** A pause is one's own. */
const WHILE: Visit['state'][] = ['travelling', 'on_site', 'working']

interface Shared {
  /** Whether the engineer has said yes; null until that is known. */
  on: boolean | null
  /** Whether the phone is telling right now. */
  telling: boolean
  keptHours: number
}

/** Whether this engineer's position is shared, and whether it is being told at this moment. */
export const shared = $state<Shared>({ on: localStorage.getItem(REMEMBERED) === 'yes' ? true : null, telling: false, keptHours: 24 })

function take(answer: { sharing: boolean; kept_hours: number }): void {
  shared.on = answer.sharing
  shared.keptHours = answer.kept_hours
  localStorage.setItem(REMEMBERED, answer.sharing ? 'yes' : 'no')
}

export async function lookUp(): Promise<void> {
  // A no that was said without signal is brought home first.
  take(await (localStorage.getItem(REMEMBERED) === UNSAID ? api.stopSharing() : api.sharing()))
}

export async function choose(on: boolean): Promise<void> {
  // First said, then believed: off means off at once, also without signal.
  if (!on) {
    shared.on = false
    localStorage.setItem(REMEMBERED, UNSAID)
  }
  take(await (on ? api.sharePosition() : api.stopSharing()))
}

/** Whether the clock of the company says that this engineer is at work. */
export function onShift(me: Pick<Technician, 'days' | 'shift_from' | 'shift_to'>, zone: string | undefined, moment: Date): boolean {
  const weekday = (new Date(`${dayIn(zone, moment)}T12:00:00Z`).getUTCDay() + 6) % 7
  const minute = minuteOfDay(moment.toISOString(), zone)
  const of = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5))
  return me.days.includes(weekday) && of(me.shift_from) <= minute && minute < of(me.shift_to)
}

export const underWay = (visits: Visit[], technicianId: string | null): boolean =>
  visits.some((visit) => visit.technician_id === technicianId && WHILE.includes(visit.state))

/** Tell the office where the phone is until the returned function is called. What cannot be told at once is not told. */
export function tellWhere(me: Technician): () => void {
  let last = 0
  const stop = (): void => {
    navigator.geolocation.clearWatch(watch)
    shared.telling = false
  }
  const tell = async ({ coords }: GeolocationPosition): Promise<void> => {
    if (Date.now() - last < EVERY_MS || !onShift(me, here.zone, here.now())) return
    last = Date.now()
    try {
      const at = here.now().toISOString()
      await api.tellPosition({ lat: coords.latitude, lng: coords.longitude, accuracy_m: coords.accuracy, at })
      shared.telling = true
    } catch (error) {
      shared.telling = false
      if (error instanceof Refusal && error.code === 'not_sharing') void lookUp().catch(() => undefined)
    }
  }
  const watch = navigator.geolocation.watchPosition((fix) => void tell(fix), () => (shared.telling = false), FIX)
  return stop
}
