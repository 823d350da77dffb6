let asked: Promise<string | null> | undefined

/** Where map tiles come from: a setting of the server, and none unless somebody chose it. */
export function tilesUrl(): Promise<string | null> {
  asked ??= fetch(`${import.meta.env.BASE_URL}settings.json`)
    .then((response) => response.json() as Promise<{ tiles_url?: string | null }>)
    .then((settings) => settings.tiles_url ?? null)
    .catch(() => null)
  return asked
}
