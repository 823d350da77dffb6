export interface Tiles {
  url: string
  /** Whom to name at the edge of the map; plain text. */
  attribution: string
}

interface Settings {
  tiles_url?: string | null
  tiles_attribution?: string
  finds_addresses?: boolean
}

let asked: Promise<Settings> | undefined

function settings(): Promise<Settings> {
  asked ??= fetch(`${import.meta.env.BASE_URL}settings.json`)
    .then((response) => response.json() as Promise<Settings>)
    .catch(() => ({}))
  return asked
}

/** Where map tiles come from and whom to name: settings of the server, and none unless somebody chose them. */
export async function tiles(): Promise<Tiles | null> {
  const { tiles_url: url, tiles_attribution: attribution } = await settings()
  return url ? { url, attribution: attribution ?? '' } : null
}

/** Whether the server knows somebody who finds places by their address. */
export async function findsAddresses(): Promise<boolean> {
  return (await settings()).finds_addresses ?? false
}
