export interface Spot {
  lat: number
  lng: number
}

const EARTH_KM = 6371
const PATIENCE_MS = 15_000
const OLD_MS = 5 * 60_000

/** Where the phone is, once somebody has asked for it. */
export const position = $state<{ spot: Spot | null }>({ spot: null })

/** Ask the phone where it is. It says no by an error; nobody is asked without pressing something. */
export async function locate(): Promise<void> {
  const found = await new Promise<GeolocationPosition>((resolve, reject) =>
    navigator.geolocation.getCurrentPosition(resolve, reject, { timeout: PATIENCE_MS, maximumAge: OLD_MS }),
  )
  position.spot = { lat: found.coords.latitude, lng: found.coords.longitude }
}

/** Look where the phone is if it has been allowed before. */
export async function locateIfAllowed(): Promise<void> {
  const allowed = await navigator.permissions?.query({ name: 'geolocation' }).catch(() => null)
  if (allowed?.state === 'granted') await locate().catch(() => undefined)
}

/** Return the kilometres between two places as the crow flies. */
export function apart(a: Spot, b: Spot): number {
  const rad = (degrees: number): number => (degrees * Math.PI) / 180
  const half = (angle: number): number => Math.sin(angle / 2) ** 2
  const h = half(rad(b.lat - a.lat)) + Math.cos(rad(a.lat)) * Math.cos(rad(b.lat)) * half(rad(b.lng - a.lng))
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(h)))
}

export function spotOf(place: { lat?: number | null; lng?: number | null } | undefined): Spot | null {
  return place?.lat != null && place.lng != null ? { lat: place.lat, lng: place.lng } : null
}
