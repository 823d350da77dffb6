import { tick } from 'svelte'
import { api, type BoardVisit, type Placing, type VisitMove } from '../api'
import { explain } from '../explain'
import { here } from '../home.svelte'
import { addDays, dayIn, minuteOfDay, momentIn } from '../time'
import { toast } from '../toasts.svelte'
import { t } from '../words.svelte'

export const STEP_MIN = 15
const FAR_ENOUGH_PX = 6
// So that a hand that only passes over a lane asks nothing.
const PAUSE_MS = 60
const MOST_UNDO = 50

/** Where a visit is held: over whose lane, on which day, at which minute; none where the best hour is wanted. */
export interface Spot {
  technicianId: string
  day: string
  minute: number | null
}

interface Desk {
  days: string[]
  visits: BoardVisit[]
  shown: { id: string }[]
  reload(): Promise<unknown>
}

const wall = (minute: number): string => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`

/** The dispatcher's hand: a visit is picked up, held over a day, put down there, and taken back. */
export class Hand {
  visit = $state.raw<BoardVisit | null>(null)
  spot = $state.raw<Spot | null>(null)
  at = $state.raw<{ x: number; y: number }>({ x: 0, y: 0 })
  /** What the server says of the spot; null while it is asked. */
  said = $state.raw<Placing | null>(null)
  /** A drop that would break a rule, until somebody decides. */
  doubt = $state.raw<Placing | null>(null)
  #known: Record<string, Promise<Placing>> = {}
  #undo: VisitMove[][] = []
  #desk: () => Desk
  #last: Promise<void> = Promise.resolve()

  constructor(desk: () => Desk) {
    this.#desk = desk
  }

  /** Let this visit be picked up with a mouse or a pen; a finger scrolls, and uses the dialog. */
  grab = (visit: BoardVisit, takes: boolean) => (box: HTMLElement) => {
    const down = (event: PointerEvent): void => {
      if (!takes || event.button !== 0 || event.pointerType === 'touch') return
      this.#carry(visit, event, box)
    }
    box.addEventListener('pointerdown', down)
    return () => box.removeEventListener('pointerdown', down)
  }

  #carry(visit: BoardVisit, start: PointerEvent, box: HTMLElement): void {
    const offset = box.dataset.minutes ? ((start.clientX - box.getBoundingClientRect().left) / box.offsetWidth) * Number(box.dataset.minutes) : 0
    let held = false
    const move = (event: PointerEvent): void => {
      if (!held && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) < FAR_ENOUGH_PX) return
      held = true
      event.preventDefault()
      this.visit = visit
      this.at = { x: event.clientX, y: event.clientY }
      this.#hold(spotAt(event.clientX, event.clientY, offset))
    }
    const end = (event: Event): void => {
      for (const [name, listener] of listeners) window.removeEventListener(name, listener, true)
      if (!held) return
      // The click that follows a drag opens nothing.
      const swallow = (click: Event): void => click.stopPropagation()
      window.addEventListener('click', swallow, { capture: true, once: true })
      setTimeout(() => window.removeEventListener('click', swallow, true))
      if (event.type === 'pointerup') void this.#drop()
      else this.#let()
    }
    const key = (event: Event): void => {
      if ((event as KeyboardEvent).key === 'Escape') end(event)
    }
    const listeners: [string, (event: Event) => void][] = [
      ['pointermove', move as (event: Event) => void],
      ['pointerup', end],
      ['pointercancel', end],
      ['keydown', key],
    ]
    for (const [name, listener] of listeners) window.addEventListener(name, listener, true)
  }

  #hold(spot: Spot | null): void {
    if (spot?.technicianId === this.spot?.technicianId && spot?.day === this.spot?.day && spot?.minute === this.spot?.minute) return
    this.spot = spot
    this.said = null
    const { visit } = this
    if (!spot || !visit) return
    setTimeout(() => {
      if (this.spot !== spot || this.visit !== visit) return
      this.#ask(visit, spot).then(
        (said) => this.spot === spot && (this.said = said),
        () => undefined,
      )
    }, PAUSE_MS)
  }

  #ask(visit: BoardVisit, spot: Spot): Promise<Placing> {
    const { day, minute } = spot
    const key = `${visit.id} ${visit.version} ${spot.technicianId} ${day} ${minute}`
    return (this.#known[key] ??= api.check({
      visit_id: visit.id,
      technician_id: spot.technicianId,
      day,
      starts_at: minute === null ? null : momentIn(here.zone, `${day}T${wall(minute)}`),
    }))
  }

  #let(): void {
    this.visit = null
    this.spot = null
    this.said = null
    this.#known = {}
  }

  async #drop(): Promise<void> {
    const { visit, spot } = this
    const asked = visit && spot ? this.#ask(visit, spot) : null
    this.#let()
    if (!asked) return
    await this.#trying(async () => {
      const said = await asked
      if (said.fits) await this.place(said)
      else this.doubt = said
    })
  }

  /** Put the visit where it was checked, and push later what it pushes. */
  place = async (said: Placing): Promise<void> => {
    this.doubt = null
    const pushed = new Set(said.notes.filter((note) => note.code === 'pushed').map((note) => note.visit_id))
    const moves: VisitMove[] = said.stops
      .filter((stop) => stop.visit_id === said.visit_id || pushed.has(stop.visit_id))
      .map((stop) => ({
        visit_id: stop.visit_id,
        version: stop.version,
        technician_id: said.technician_id,
        day: said.day,
        arrives_at: stop.starts_at,
        departs_at: stop.departs_at,
        travel_s: stop.travel_s,
        position: null,
      }))
    // What cannot be given a time on that day is still given to the engineer, when somebody insists.
    const { visits } = this.#desk()
    const own = visits.find((visit) => visit.id === said.visit_id)
    if (moves.length === 0 && own)
      moves.push({ visit_id: own.id, version: own.version, technician_id: said.technician_id, day: said.day, arrives_at: null, departs_at: null, travel_s: null, position: null })
    await this.#move(moves, t('board.moved'))
  }

  async #move(moves: VisitMove[], words: string): Promise<void> {
    const { visits, reload } = this.#desk()
    const before = moves.flatMap((move) => visits.find((visit) => visit.id === move.visit_id) ?? [])
    const { visits: after } = await api.moveVisits(moves)
    this.#undo = [...this.#undo.slice(1 - MOST_UNDO), before.map((visit) => backTo(visit, after))]
    toast(words, { action: { label: t('act.undo'), run: () => this.undo() }, ms: 8000 })
    await reload()
  }

  /** Take the last move back, unless somebody has changed one of its visits since. */
  undo = async (): Promise<void> => {
    const moves = this.#undo.at(-1)
    if (!moves) return
    await this.#trying(async () => {
      this.#undo = this.#undo.slice(0, -1)
      const { visits: after } = await api.moveVisits(moves)
      // Earlier moves of the same visits were of older versions, and may be taken back as well.
      for (const moved of after)
        for (const move of this.#undo.flat()) if (move.visit_id === moved.id) move.version = moved.version
      toast(t('board.undone'))
      await this.#desk().reload()
    })
  }

  /** Move a visit by the keyboard: by a quarter of an hour, or to the engineer above or below. */
  async nudge(visitId: string, rows: number, minutes: number): Promise<void> {
    await this.#trying(async () => {
      const visit = this.#visit(visitId)
      const to = this.#neighbour(visit, rows)
      const day = this.#desk().days[0]!
      if (!visit?.arrives_at || !to || dayIn(here.zone, new Date(visit.arrives_at)) !== day) return
      const minute = Math.min(24 * 60 - STEP_MIN, Math.max(0, minuteOfDay(visit.arrives_at, here.zone) + minutes))
      await this.#carryTo(visit, { technicianId: to.id, day, minute })
    })
  }

  /** Move a visit by the keyboard to another day, or to the engineer above or below, at the best hour. */
  async carryOver(visitId: string, rows: number, days: number): Promise<void> {
    await this.#trying(async () => {
      const visit = this.#visit(visitId)
      const to = this.#neighbour(visit, rows)
      if (!visit?.day || !to) return
      const day = addDays(visit.day, days)
      if (this.#desk().days.includes(day)) await this.#carryTo(visit, { technicianId: to.id, day, minute: null })
    })
  }

  async #carryTo(visit: BoardVisit, spot: Spot): Promise<void> {
    const said = await this.#ask(visit, spot)
    this.#known = {}
    if (!said.fits) this.doubt = said
    else {
      await this.place(said)
      await tick()
      document.querySelector<HTMLElement>(`[data-visit="${visit.id}"]`)?.focus()
    }
  }

  #visit(visitId: string): BoardVisit | undefined {
    return this.#desk().visits.find((each) => each.id === visitId)
  }

  #neighbour(visit: BoardVisit | undefined, rows: number): { id: string } | undefined {
    const { shown } = this.#desk()
    return shown[shown.findIndex((each) => each.id === visit?.technician_id) + rows]
  }

  lock = (visitId: string): Promise<void> => this.#turnLock(visitId, 'locked')

  lockStart = (visitId: string): Promise<void> => this.#turnLock(visitId, 'start_locked')

  #turnLock(visitId: string, which: 'locked' | 'start_locked'): Promise<void> {
    return this.#trying(async () => {
      const visit = this.#visit(visitId)
      if (!visit) return
      await api.changeVisit(visit, { [which]: !visit[which] })
      toast(t(visit[which] ? 'board.unlocked' : 'board.locked'))
      await this.#desk().reload()
    })
  }

  /** One thing after the other; what goes wrong is said, and the board shows what is. */
  #trying(act: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(act).catch(async (error: unknown) => {
      toast(explain(error), { tone: 'bad', ms: 9000 })
      await this.#desk().reload()
    })
    return this.#last
  }
}

function backTo(visit: BoardVisit, after: { id: string; version: number }[]): VisitMove {
  return {
    visit_id: visit.id,
    version: after.find((each) => each.id === visit.id)?.version ?? visit.version,
    technician_id: visit.technician_id,
    day: visit.day,
    arrives_at: visit.arrives_at,
    departs_at: visit.departs_at,
    travel_s: visit.travel_s,
    position: visit.position,
  }
}

/** Read from the page which lane is under the pointer and which quarter of an hour, or whose day. */
function spotAt(x: number, y: number, offset: number): Spot | null {
  const under = document.elementFromPoint(x, y)
  const cell = under?.closest<HTMLElement>('[data-cell]')
  if (cell?.dataset.cell && cell.dataset.day) return { technicianId: cell.dataset.cell, day: cell.dataset.day, minute: null }
  const lane = under?.closest<HTMLElement>('[data-lane]')
  if (!lane?.dataset.lane || !lane.dataset.day) return null
  const box = lane.getBoundingClientRect()
  const minute = Number(lane.dataset.from) + ((x - box.left) / box.width) * Number(lane.dataset.length) - offset
  const snapped = Math.round(minute / STEP_MIN) * STEP_MIN
  return { technicianId: lane.dataset.lane, day: lane.dataset.day, minute: Math.min(24 * 60 - STEP_MIN, Math.max(0, snapped)) }
}
