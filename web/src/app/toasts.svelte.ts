export interface Toast {
  id: number
  text: string
  tone: 'plain' | 'bad'
  action?: { label: string; run(): void | Promise<void> }
}

const SHOWN_MS = 5_000

/** The places that can show toasts, the uppermost last: under an open dialog nothing is seen, pressed or read out. */
export const places = $state<{ list: symbol[] }>({ list: [] })
export const toasts = $state<{ list: Toast[] }>({ list: [] })
let next = 1

export function drop(id: number): void {
  toasts.list = toasts.list.filter((each) => each.id !== id)
}

/** Take away what offers to take something back, once that can no longer be done. */
export function withdraw(): void {
  toasts.list = toasts.list.filter((each) => !each.action)
}

export function toast(text: string, options: { tone?: Toast['tone']; action?: Toast['action']; ms?: number } = {}): number {
  const id = next++
  const { tone = 'plain', action, ms = SHOWN_MS } = options
  toasts.list = [...toasts.list.slice(-2), { id, text, tone, ...(action ? { action } : {}) }]
  setTimeout(() => drop(id), ms)
  return id
}
