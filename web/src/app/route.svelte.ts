function read(): string[] {
  return location.hash.replace(/^#\/?/, '').split('?')[0]!.split('/').filter(Boolean).map(decodeURIComponent)
}

/** Where the person is: the parts of the address after the hash. */
export const route = $state<{ parts: string[] }>({ parts: read() })

addEventListener('hashchange', () => {
  route.parts = read()
  scrollTo(0, 0)
})

export function go(path: string): void {
  location.hash = path
}
