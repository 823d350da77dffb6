import { Refusal, type Door } from './door'
import { sha256Hex } from './hash'
import type { Store } from './store'

/** Pictures on their way to the server: their own lane, after and beside the mutations. */
export class FileLane {
  private running = false

  constructor(
    private readonly store: Store,
    private readonly door: Door,
  ) {}

  async add(bytes: ArrayBuffer, type: string, thumb: ArrayBuffer | null): Promise<string> {
    const sha256 = await sha256Hex(bytes)
    const known = await this.store.files.get(sha256)
    if (!known) {
      await this.store.files.add({
        sha256,
        type,
        size: bytes.byteLength,
        bytes,
        thumb,
        state: 'waiting',
        added_at: Date.now(),
      })
    }
    return sha256
  }

  /** Send what waits, one after another. A file that is refused stays and does not stop the next. */
  async send(): Promise<void> {
    if (this.running) return
    this.running = true
    try {
      for (const sha256 of await this.store.files.where('state').equals('waiting').primaryKeys()) {
        await this.sendOne(sha256)
      }
    } finally {
      this.running = false
    }
  }

  private async sendOne(sha256: string): Promise<void> {
    const file = await this.store.files.get(sha256)
    if (!file?.bytes) return
    try {
      await this.door.call('PUT', `/v1/files/${sha256}`, { raw: { bytes: file.bytes, type: file.type } })
    } catch (error) {
      if (!(error instanceof Refusal) || error.status >= 500 || error.status === 401 || error.status === 429) throw error
      await this.store.files.update(sha256, { error: error.message })
      return
    }
    // Only now does the server have it, so only now may the phone let go.
    await this.store.files.update(sha256, { state: 'stored', bytes: null })
  }
}
