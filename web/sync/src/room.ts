import type { Store } from './store'

/** Kept free for words, which are small and matter most, when a picture asks for room. */
const RESERVE_BYTES = 5_000_000
const OLD_MS = 14 * 24 * 3600_000

/** The phone is full, and nothing that may be let go is left. What was asked for has not been done at all. */
export class NoRoom extends Error {
  constructor() {
    super('The storage of this phone is full. Nothing was saved. Free some space and try again.')
    this.name = 'NoRoom'
  }
}

export interface RoomStanding {
  used: number
  quota: number
  /** Whether the browser has promised not to clear this by itself. */
  safe: boolean
  /** Bytes of files that are not sent, and of pictures that could be let go. */
  waiting: number
  freeable: number
}

/** What the browser says about its storage; `navigator.storage` will do. */
export type Keeper = Pick<StorageManager, 'estimate' | 'persist' | 'persisted'>

export function isFull(error: unknown): boolean {
  for (let at = error; at instanceof Error || at instanceof DOMException; at = (at as { inner?: unknown }).inner ?? at.cause) {
    if (at.name === 'QuotaExceededError') return true
  }
  return false
}

/** The room on the phone: what is unsent is never let go, old pictures and history are. */
export class Room {
  constructor(
    private readonly store: Store,
    private readonly keeper: Keeper | undefined = globalThis.navigator?.storage,
  ) {}

  /** Ask the browser not to clear what is here by itself. */
  async persist(): Promise<boolean> {
    return (await this.keeper?.persisted?.()) || ((await this.keeper?.persist?.()) ?? false)
  }

  async standing(): Promise<RoomStanding> {
    const { usage = 0, quota = 0 } = (await this.keeper?.estimate()) ?? {}
    let waiting = 0
    let freeable = 0
    await this.store.files.each((file) => {
      if (file.state === 'waiting') waiting += file.size
      else freeable += (file.thumb?.byteLength ?? 0) + (file.bytes?.byteLength ?? 0)
    })
    return { used: usage, quota, safe: (await this.keeper?.persisted?.()) ?? false, waiting, freeable }
  }

  /** Do something that writes. A full phone is freed and it is tried once more; then it is refused as a whole. */
  async keep<T>(bytes: number, write: () => Promise<T>): Promise<T> {
    if (!(await this.fits(bytes))) {
      await this.free()
      if (!(await this.fits(bytes))) throw new NoRoom()
    }
    try {
      return await write()
    } catch (error) {
      if (!isFull(error)) throw error
      await this.free()
    }
    try {
      return await write()
    } catch (error) {
      throw isFull(error) ? new NoRoom() : error
    }
  }

  private async fits(bytes: number): Promise<boolean> {
    // Words are always tried: the reserve is there for them.
    if (bytes === 0) return true
    const { usage, quota } = (await this.keeper?.estimate()) ?? {}
    return usage === undefined || !quota || usage + bytes + RESERVE_BYTES <= quota
  }

  /** Let go of what the server has: pictures first, then history that nobody needs here. Returns the bytes of pictures. */
  async free(): Promise<number> {
    const { store } = this
    let bytes = 0
    await store.files
      .where('state')
      .equals('stored')
      .each((file) => {
        bytes += (file.thumb?.byteLength ?? 0) + (file.bytes?.byteLength ?? 0)
      })
    await store.files.where('state').equals('stored').delete()
    await store.outbox
      .where('state')
      .equals('dismissed')
      .filter((mutation) => (mutation.settled_at ?? 0) < Date.now() - OLD_MS)
      .delete()
    // A copy that was begun and given up; one that is under way begins again.
    if (!(await store.get('refreshing'))) {
      await store.fresh_docs.clear()
      await store.fresh_members.clear()
    }
    return bytes
  }
}
