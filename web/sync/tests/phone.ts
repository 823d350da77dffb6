import { Door, SyncClient, type ClientOptions, type Store } from '../src'
import type { Server } from './server'

/** A phone of Ann's over a store, speaking to the small server. */
export function phoneOf(server: Server, store: Store, options: Partial<ClientOptions> = {}): SyncClient {
  const door = new Door({ language: () => 'en', fetch: server.fetch })
  return new SyncClient({ store, door, author: { name: 'Ann', technicianId: 't1' }, appVersion: '2.0.0', ...options })
}

/** Wait until something holds, as a person would who looks again and again. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const late = Date.now() + 5_000
  while (!(await holds())) {
    if (Date.now() > late) throw new Error('It never came to that.')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Locks as a browser gives them to tabs: one at a time, to the next in line when a tab lets go or dies. */
export class Locks {
  private readonly line: { run: () => Promise<unknown>; tab: string }[] = []
  private busy: string | null = null
  private taken = 0

  of(tab: string): LockManager {
    const request = (_name: string, run: () => unknown): Promise<unknown> =>
      new Promise((resolve) => {
        this.line.push({ tab, run: async () => resolve(await run()) })
        this.next()
      })
    return { request, query: () => Promise.resolve({ held: [], pending: [] }) } as unknown as LockManager
  }

  private next(): void {
    if (this.busy !== null) return
    const first = this.line.shift()
    if (!first) return
    this.busy = first.tab
    const turn = ++this.taken
    void first.run().finally(() => turn === this.taken && this.free())
  }

  private free(): void {
    this.busy = null
    this.next()
  }

  /** The browser frees what a dead tab held. */
  kill(tab: string): void {
    if (this.busy !== tab) return
    this.taken += 1
    this.free()
  }
}
