import { words } from './words.svelte'

type Moment = string | number | Date | null | undefined

function format(moment: Moment, options: Intl.DateTimeFormatOptions, zone?: string): string {
  if (moment === null || moment === undefined) return '–'
  const date = new Date(moment)
  // What was set aside because it makes no sense must still be shown.
  if (Number.isNaN(date.getTime())) return String(moment)
  return new Intl.DateTimeFormat(words.language, { ...options, ...(zone ? { timeZone: zone } : {}) }).format(date)
}

export function clock(moment: Moment, zone?: string): string {
  return format(moment, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, zone)
}

export function dayAndClock(moment: Moment, zone?: string): string {
  return format(moment, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, zone)
}

/** Say a moment as the clock shows it, with its date where that is another than the one in question. */
export function clockOn(day: string, moment: string, zone?: string): string {
  return dayIn(zone, new Date(moment)) === day ? clock(moment, zone) : dayAndClock(moment, zone)
}

/** Say from when to when, as far as it is known. */
export function span(from: Moment, to: Moment, zone?: string): string {
  return [from, to].flatMap((moment) => (moment ? [clock(moment, zone)] : [])).join(' – ')
}

/** Name a date such as 2026-03-02, which has no zone of its own. */
export function dayName(day: string): string {
  return format(`${day}T12:00:00Z`, { weekday: 'short', month: 'short', day: 'numeric' }, 'UTC')
}

/** The date that the calendar on the wall shows in a zone. */
export function dayIn(zone: string | undefined, moment: Date = new Date()): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(moment)
}

export function addDays(day: string, days: number): string {
  const date = new Date(`${day}T12:00:00Z`)
  date.setUTCDate(date.getUTCDate() + days)
  return date.toISOString().slice(0, 10)
}

/** Return the moment at which the clock on the wall of a zone shows this date and time. */
export function momentIn(zone: string | undefined, wall: string): string {
  const asUtc = Date.parse(`${wall}Z`)
  const shown = (moment: number): number => {
    const date = new Date(moment)
    return Date.parse(`${dayIn(zone, date)}T00:00Z`) + minuteOfDay(date.toISOString(), zone) * 60_000
  }
  // Twice, because the first guess may lie on the other side of a change of the clocks.
  const guess = asUtc - (shown(asUtc) - asUtc)
  return new Date(guess - (shown(guess) - asUtc)).toISOString()
}

/** Minutes since midnight on the clock of a zone. */
export function minuteOfDay(moment: string, zone?: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
    .format(new Date(moment))
    .split(':')
  return Number(parts[0]) * 60 + Number(parts[1])
}
