import type { BoardTechnician, BoardVisit } from '../api'

const minute = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5))

/** How much of a day's shift is spoken for, with the ways between. */
export function loadOf(technician: BoardTechnician, list: { visit: BoardVisit }[]): number {
  const shift = minute(technician.shift_to) - minute(technician.shift_from)
  const work = list.reduce((sum, { visit }) => sum + visit.duration_min + (visit.travel_s ?? 0) / 60, 0)
  return shift > 0 ? work / shift : 0
}

/** The weekday of a date, Monday being 0. */
export function weekdayOf(day: string): number {
  return (new Date(`${day}T12:00:00Z`).getUTCDay() + 6) % 7
}
