import { Refusal, type Door } from './door'
import { sha256Hex } from './hash'
import type { Store, StoredFile } from './store'

const CREATE = '/v1/sync/files'
const CHUNK_BYTES = 256 * 1024
const VERSION = { 'Tus-Resumable': '1.0.0' }
/** How often one file may fail to move before the lane gives it a rest. */
const TRIES = 4

/** The server counts otherwise, is busy with this very file, or has forgotten it: ask where it stands. */
const LOST: readonly number[] = [404, 409, 410, 423, 460]

const base64 = (bytes: Uint8Array | string): string =>
  btoa(typeof bytes === 'string' ? bytes : Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))

/** Files on their way to the server, resumable by the tus protocol: a lane of their own beside the mutations. */
export class FileLane {
  private running: Promise<void> | null = null

  constructor(
    private readonly store: Store,
    private readonly door: Door,
  ) {}

  /** Make a file ready to be kept. The same bytes have the same name. */
  async ready(bytes: ArrayBuffer, type: string, thumb: ArrayBuffer | null): Promise<StoredFile> {
    return {
      sha256: await sha256Hex(bytes),
      type,
      size: bytes.byteLength,
      bytes,
      thumb,
      state: 'waiting',
      added_at: Date.now(),
    }
  }

  /** Count what waits and was not refused. */
  async waiting(): Promise<number> {
    return this.store.files
      .where('state')
      .equals('waiting')
      .filter((file) => !file.error)
      .count()
  }

  /** Send what waits, one after another. A file that is refused stays and does not stop the next. */
  send(): Promise<void> {
    this.running ??= this.all().finally(() => {
      this.running = null
    })
    return this.running
  }

  private async all(): Promise<void> {
    let stuck: unknown = null
    for (const sha256 of await this.store.files.where('state').equals('waiting').primaryKeys()) {
      try {
        await this.one(sha256)
      } catch (error) {
        if (this.isAboutTheFile(error)) await this.store.files.update(sha256, { error: error.message })
        else if (error instanceof Refusal && LOST.includes(error.status)) stuck = error
        else throw error
      }
    }
    // One that would not move this time has not held up the others, and is tried again later.
    if (stuck) throw stuck
  }

  private isAboutTheFile(error: unknown): error is Refusal {
    return error instanceof Refusal && [400, 413, 415, 422].includes(error.status)
  }

  /** Say again that a refused file should be sent. */
  async again(sha256: string): Promise<void> {
    await this.store.files.where('sha256').equals(sha256).modify((file) => {
      delete file.error
      delete file.upload
    })
  }

  private async one(sha256: string): Promise<void> {
    const file = await this.store.files.get(sha256)
    if (!file?.bytes || file.error) return
    const bytes = new Uint8Array(file.bytes)
    let at = file.upload ? await this.standsAt(file.upload) : null
    let upload = file.upload ?? ''
    for (let tries = 0; at === null || at < bytes.length; ) {
      if (at === null) {
        ;({ upload, at } = await this.create(file))
        await this.store.files.update(sha256, { upload })
        continue
      }
      try {
        at = await this.pass(upload, bytes, at)
        tries = 0
      } catch (error) {
        const lost = error instanceof Refusal && LOST.includes(error.status)
        if (!lost || ++tries >= TRIES) throw error
        at = await this.standsAt(upload)
      }
    }
    // Only now does the server have it whole and checked, so only now may the phone let go.
    await this.store.files.where('sha256').equals(sha256).modify((kept) => {
      kept.state = 'stored'
      kept.bytes = null
      delete kept.upload
    })
  }

  private async create(file: StoredFile): Promise<{ upload: string; at: number }> {
    const meta = `sha256 ${base64(file.sha256)},filetype ${base64(file.type)}`
    const { headers } = await this.door.reply('POST', CREATE, {
      headers: { ...VERSION, 'Upload-Length': String(file.size), 'Upload-Metadata': meta },
    })
    // What the server has already needs no bytes: it says so at once.
    return { upload: headers.get('Location') ?? '', at: Number(headers.get('Upload-Offset') ?? 0) }
  }

  /** Return how much has arrived, or null when the server no longer knows of it. */
  private async standsAt(upload: string): Promise<number | null> {
    try {
      const { headers } = await this.door.reply('HEAD', upload, { headers: VERSION })
      return Number(headers.get('Upload-Offset'))
    } catch (error) {
      if (error instanceof Refusal && [403, 404, 410].includes(error.status)) return null
      throw error
    }
  }

  private async pass(upload: string, bytes: Uint8Array<ArrayBuffer>, at: number): Promise<number> {
    const chunk = bytes.slice(at, at + CHUNK_BYTES)
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', chunk))
    const { headers } = await this.door.reply('PATCH', upload, {
      raw: { bytes: chunk, type: 'application/offset+octet-stream' },
      headers: { ...VERSION, 'Upload-Offset': String(at), 'Upload-Checksum': `sha256 ${base64(hash)}` },
    })
    return Number(headers.get('Upload-Offset') ?? at + chunk.length)
  }
}
