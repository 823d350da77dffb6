import { wholeSecond, type Replica, type TimeKind } from '@fieldwright/sync'
import { uuidv7 } from 'uuidv7'
import { phone } from '../home.svelte'

/** A time that is running. One at a time: nobody drives and works at once. */
export interface Running {
  /** The entry's id from the beginning: should the phone die while noting it, it is noted once. */
  id: string
  visit_id: string
  kind: TimeKind
  begun_at: string
}

const KEY = 'timer'

/** It is kept in the phone's database, so that it runs on when the app is closed or the phone has no power. */
export async function running({ store }: Replica): Promise<Running | null> {
  return ((await store.drafts.get(KEY))?.value as Running | undefined) ?? null
}

export async function begin(visitId: string, kind: TimeKind): Promise<void> {
  const value: Running = { id: uuidv7(), visit_id: visitId, kind, begun_at: wholeSecond(new Date()) }
  await phone().replica.store.drafts.put({ id: KEY, value })
}

/** Stop the running time and note it. Returns the minutes, or null when there is nothing to note. */
export async function end(): Promise<number | null> {
  const { replica } = phone()
  const now = await running(replica)
  if (!now) return null
  const ended_at = wholeSecond(new Date())
  const seconds = (Date.parse(ended_at) - Date.parse(now.begun_at)) / 1000
  if (seconds > 0) {
    await phone().say({
      type: 'time.add',
      args: { id: now.id, visit_id: now.visit_id, kind: now.kind, begun_at: now.begun_at, ended_at },
    })
  }
  await replica.store.drafts.delete(KEY)
  return seconds > 0 ? Math.max(1, Math.round(seconds / 60)) : null
}
