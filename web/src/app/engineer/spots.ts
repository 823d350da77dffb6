import type { Asset, Replica, Site, Technician, Visit, WorkOrder } from '@fieldwright/sync'
import { apart, spotOf, type Spot } from '../where.svelte'

/** A visit with what one needs to know to go there. */
export interface Stop {
  visit: Visit
  order: WorkOrder | undefined
  site: Site | undefined
  asset: Asset | undefined
}

/** Return visits with what belongs to each, in their order. */
export async function stopsOf(replica: Replica, visits: readonly Visit[]): Promise<Stop[]> {
  const orders = await replica.many('work_order', visits.map((visit) => visit.order_id))
  const sites = await replica.many('site', [...orders.values()].map((order) => order.site_id))
  const assets = await replica.many('asset', [...orders.values()].map((order) => order.asset_id))
  return visits.map((visit) => {
    const order = orders.get(visit.order_id)
    return { visit, order, site: sites.get(order?.site_id ?? ''), asset: assets.get(order?.asset_id ?? '') }
  })
}

/** The kilometres from one stop to the next, as the crow flies, as far as their places are known. */
export function legs(stops: readonly Stop[], from: Spot | null): (number | null)[] {
  let before = from
  return stops.map(({ site }) => {
    const here = spotOf(site)
    const km = before && here ? apart(before, here) : null
    before = here ?? before
    return km
  })
}

/** The skills that an order asks for and an engineer lacks, or has no more on that day. */
export function missingSkills(order: WorkOrder | undefined, technician: Technician | undefined, day: string): string[] {
  if (!technician) return []
  const level = (code: string): number =>
    technician.skills.find((each) => each.code === code && (!each.expires_on || each.expires_on >= day))?.level ?? 0
  return (order?.skills ?? []).filter((wanted) => level(wanted.code) < wanted.level).map((wanted) => wanted.code)
}
