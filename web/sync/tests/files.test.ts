import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Door, NoRoom, Store, SyncClient, type Keeper, type Saying } from '../src'
import { Server } from './server'

const PIECE = 256 * 1024
let server: Server
let store: Store
let client: SyncClient
let number = 0

function phone(keeper?: Keeper): SyncClient {
  const door = new Door({ language: () => 'en', fetch: server.fetch })
  return new SyncClient({
    store,
    door,
    author: { name: 'Ann', technicianId: 't1' },
    appVersion: '1.0.0',
    ...(keeper ? { keeper } : {}),
  })
}

beforeEach(async () => {
  server = new Server()
  store = new Store(`files-${number++}`)
  await store.set('device_id', 'd1')
  client = phone()
})

afterEach(async () => {
  client.stop()
  await store.delete()
})

/** Bytes that differ everywhere, so that a piece in the wrong place is seen. */
function picture(length: number): ArrayBuffer {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * 17) % 256
  return bytes.buffer
}

const photo = (sha256: string): Saying => ({
  type: 'photo.attach',
  args: { id: sha256.slice(0, 8), visit_id: 'v1', sha256, kind: 'after', taken_at: '2026-03-02T08:00:00Z' },
})
const attach = (length: number): Promise<string> =>
  client.attach({ bytes: picture(length), type: 'image/jpeg', thumb: new ArrayBuffer(10) }, photo)

describe('a file', () => {
  it('is let go only when the server has it', async () => {
    const sha = await attach(1000)
    server.failOnce('/v1/sync/files', 'cut')
    await expect(client.files.send()).rejects.toThrow()
    expect((await store.files.get(sha))?.bytes).not.toBeNull()
    await client.files.send()
    expect(server.files).toEqual([sha])
    expect(await store.files.get(sha)).toMatchObject({ state: 'stored', bytes: null })
  })

  it('H46 goes on where it stood after fifty cuts, whatever the phone knew of it', async () => {
    const size = 4 * PIECE + 77
    const sha = await attach(size)
    const cuts = Array.from({ length: 50 }, (_, at) => 1000 + at * 37)
    for (const cut of cuts) {
      server.cutAfter = [cut]
      await expect(client.files.send()).rejects.toThrow()
      // The tab is killed: another one knows only what is in the database.
      client.stop()
      client = phone()
    }
    await client.files.send()
    expect(server.files).toEqual([sha])
    expect(server.passed).toBe(size)
    expect(server.uploads.size).toBe(1)
  })

  it('H46 costs one request when the server has the same content', async () => {
    const sha = await attach(1000)
    server.files = [sha]
    server.calls = []
    await client.files.send()
    expect(server.calls).toEqual(['/v1/sync/files'])
    expect((await store.files.get(sha))?.state).toBe('stored')
  })

  it('begins again when the server has forgotten the half of it', async () => {
    const sha = await attach(PIECE * 2)
    server.cutAfter = [500]
    await expect(client.files.send()).rejects.toThrow()
    server.uploads.clear()
    await client.files.send()
    expect(server.files).toEqual([sha])
  })

  it('asks where it stands when the server counts otherwise', async () => {
    const sha = await attach(PIECE * 2)
    server.failOnce('/v1/sync/files/u1', 'lose answer')
    await expect(client.files.send()).rejects.toThrow()
    await client.files.send()
    expect(server.files).toEqual([sha])
    expect(server.passed).toBe(PIECE * 2)
  })

  it('that is refused stays with its bytes, and does not stop the next', async () => {
    const bad = await attach(1000)
    const good = await attach(2000)
    await store.files.update(bad, { bytes: picture(999) })
    await store.files.update(bad, { size: 999 })
    await client.files.send()
    expect(server.files).toEqual([good])
    const kept = await store.files.get(bad)
    expect(kept?.error).toBe('Another hash.')
    expect(kept?.bytes).not.toBeNull()

    await store.files.update(bad, { bytes: picture(1000), size: 1000 })
    await client.retryFile(bad)
    await client.files.send()
    expect(server.files).toEqual([good, bad])
  })

  it('that will not move does not hold up the next', async () => {
    const first = await attach(1000)
    const second = await attach(2000)
    const [stuck, other] = [first, second].sort()
    for (let time = 0; time < 8; time++) server.failOnce('/v1/sync/files/u1', { status: 423, body: { code: 'locked', message: 'Locked.' } })
    await expect(client.files.send()).rejects.toThrow('Locked.')
    expect(server.files).toEqual([other])
    server.faults = []
    await client.files.send()
    expect(server.files).toEqual([other, stuck])
  })

  it('H48 stays on the phone while the server has no room', async () => {
    const sha = await attach(1000)
    server.failOnce('/v1/sync/files', { status: 507, body: { code: 'disk_full', message: 'Full.' } })
    await expect(client.files.send()).rejects.toThrow('Full.')
    expect(await store.files.get(sha)).toMatchObject({ state: 'waiting' })
    expect((await store.files.get(sha))?.error).toBeUndefined()
  })
})

it('H48 fifty waiting pictures do not delay a change of state', async () => {
  for (let at = 1; at <= 50; at++) await attach(at)
  let open = (): void => undefined
  server.holds.set('/v1/sync/files', new Promise((resolve) => (open = resolve)))
  await client.sync()
  const before = server.applied.length
  await client.outbox.add([{ type: 'visit.travel', args: { visit_id: 'v1' } }])
  await client.sync()
  expect(server.applied.slice(before).map(({ type }) => type)).toEqual(['visit.travel'])
  expect(server.files).toEqual([])
  open()
  await client.files.send()
  expect(server.files).toHaveLength(50)
})

describe('a full phone', () => {
  const keeper = (usage: () => number, quota: number): Keeper => ({
    estimate: () => Promise.resolve({ usage: usage(), quota }),
    persist: () => Promise.resolve(true),
    persisted: () => Promise.resolve(true),
  })

  it('refuses a picture before anything of it is saved', async () => {
    client.stop()
    client = phone(keeper(() => 99_000_000, 100_000_000))
    await expect(attach(2_000_000)).rejects.toThrow(NoRoom)
    expect(await store.files.count()).toBe(0)
    expect(await store.outbox.count()).toBe(0)
  })

  it('lets old pictures go first, and never what is unsent', async () => {
    const old = await attach(5000)
    await client.files.send()
    const waiting = await attach(6000)
    let used = 99_000_000
    client.stop()
    client = phone(keeper(() => used, 100_000_000))
    const freed = store.files.hook('deleting')
    freed.subscribe(() => void (used = 50_000_000))
    const fresh = await attach(7000)
    expect(await store.files.get(old)).toBeUndefined()
    expect((await store.files.get(waiting))?.bytes).not.toBeNull()
    expect((await store.files.get(fresh))?.bytes).not.toBeNull()
  })

  it('says so when the browser stops it in the middle, and has saved neither half', async () => {
    const full = (): never => {
      throw new DOMException('full', 'QuotaExceededError')
    }
    store.outbox.hook('creating', full)
    await expect(attach(1000)).rejects.toThrow(NoRoom)
    await expect(client.say({ type: 'visit.travel', args: { visit_id: 'v1' } })).rejects.toThrow(NoRoom)
    store.outbox.hook('creating').unsubscribe(full)
    expect(await store.files.count()).toBe(0)
    expect(await store.outbox.count()).toBe(0)
    expect(await store.get('next_seq')).toBeUndefined()
    await client.say({ type: 'visit.travel', args: { visit_id: 'v1' } })
    expect((await store.outbox.toArray()).map(({ seq }) => seq)).toEqual([1])
  })

  it('keeps what is unsent when a pull finds no room', async () => {
    await client.outbox.add([{ type: 'visit.travel', args: { visit_id: 'v1' } }])
    server.put('technician:t1', 'comment', { id: 'c1', version: 1 })
    server.failOnce('/v1/sync/push', { status: 503, body: { code: 'busy', message: 'later' } })
    const full = (): never => {
      throw new DOMException('full', 'QuotaExceededError')
    }
    store.docs.hook('creating', full)
    await expect(client.pull()).rejects.toThrow(NoRoom)
    await client.sync().catch(() => undefined)
    await client.sync().catch(() => undefined)
    expect((await store.get('trouble'))?.kind).toBe('full')
    expect(server.applied).toHaveLength(1)
    store.docs.hook('creating').unsubscribe(full)
    await client.sync()
    expect(await store.docs.count()).toBe(1)
  })
})
