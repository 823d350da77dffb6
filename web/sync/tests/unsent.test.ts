import 'fake-indexeddb/auto'
import Dexie from 'dexie'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Door, NoRoom, Refusal, Store, SyncClient, Unreachable } from '../src'
import { makeOrder, makeVisit } from './make'
import { phoneOf } from './phone'
import { Server } from './server'

let server: Server
let store: Store
let client: SyncClient
let number = 0

beforeEach(async () => {
  server = new Server()
  server.put('technician:t1', 'visit', makeVisit())
  server.put('technician:t1', 'work_order', makeOrder())
  store = new Store(`unsent-${number++}`)
  await store.set('device_id', 'd1')
  client = phoneOf(server, store)
})

afterEach(async () => {
  client.stop()
  await store.delete()
})

const travel = { type: 'visit.travel', args: { visit_id: 'v1' } } as const
const note = (text: string) => ({ type: 'comment.add', args: { id: text, order_id: 'o1', text } }) as const
const states = async (): Promise<string[]> => (await store.outbox.orderBy('seq').toArray()).map((each) => each.state)

/** The app as it was before schema 2, with its database as it left it. */
async function oldPhone(name: string): Promise<void> {
  const old = new Dexie(name)
  old.version(1).stores({
    docs: '[entity+id], entity, [entity+doc.order_id], [entity+doc.visit_id]',
    members: '[scope+entity+id], scope, [entity+id]',
    fresh_docs: '[entity+id], entity, [entity+doc.order_id], [entity+doc.visit_id]',
    fresh_members: '[scope+entity+id], scope, [entity+id]',
    outbox: 'id, seq, state',
    own: 'id, visit_id',
    files: 'sha256, state',
    drafts: 'id',
    meta: 'key',
  })
  const said = { happened_at: '2026-03-02T08:00:00Z', base: { visit: 1 }, depends_on: [] }
  await old.table('outbox').bulkAdd([
    { ...said, id: 'm1', seq: 1, type: 'visit.travel', args: { visit_id: 'v1' }, state: 'sent' },
    { ...said, id: 'm2', seq: 2, type: 'visit.pause', args: { visit_id: 'v1', reason: 'No key' }, state: 'queued' },
    { ...said, id: 'm3', seq: null, type: 'comment.add', args: { id: 'c1', order_id: 'o1', text: 'Hm' }, state: 'held', held_until: 0 },
  ])
  await old.table('files').add({ sha256: 'f', type: 'image/jpeg', size: 3, bytes: new ArrayBuffer(3), thumb: null, state: 'waiting', added_at: 1 })
  await old.table('docs').add({ entity: 'visit', id: 'v1', version: 1, doc: makeVisit() })
  await old.table('meta').bulkAdd([
    { key: 'device_id', value: 'd1' },
    { key: 'next_seq', value: 3 },
  ])
  old.close()
}

describe('something unsent outlives', () => {
  it('a crash of the tab between sending and the answer', async () => {
    await client.outbox.add([travel])
    server.failOnce('/v1/sync/push', 'lose answer')
    await expect(client.push()).rejects.toThrow(Unreachable)
    client.stop()
    store.close()

    store = new Store(store.name)
    client = phoneOf(server, store)
    expect(await states()).toEqual(['sent'])
    await client.sync()
    expect(server.applied).toHaveLength(1)
  })

  it('an update of the app to schema 2, and is sent in the shape in which it was said', async () => {
    await store.delete()
    await oldPhone(store.name)
    store = new Store(store.name)
    client = phoneOf(server, store)
    expect((await client.replica.get('visit', 'v1'))?.hold).toMatchObject({ reason: 'other', text: 'No key' })
    await client.outbox.add([{ type: 'visit.hold', args: { visit_id: 'v1', reason: 'parts' } }])
    await client.push()
    expect(server.applied.map(({ type, schema }) => [type, schema])).toEqual([
      ['visit.travel', 1],
      ['visit.pause', 1],
      ['visit.hold', 2],
    ])
    await client.outbox.release(true)
    await client.push()
    expect(server.applied.at(-1)).toMatchObject({ seq: 4, type: 'comment.add', schema: 1 })
    expect((await store.files.get('f'))?.bytes?.byteLength).toBe(3)
  })

  it('a phone that is full', async () => {
    await client.outbox.add([travel])
    const full = (): never => {
      throw new DOMException('full', 'QuotaExceededError')
    }
    store.outbox.hook('creating', full)
    await expect(client.say(note('one'))).rejects.toThrow(NoRoom)
    store.outbox.hook('creating').unsubscribe(full)
    await client.sync()
    expect(server.applied.map(({ type }) => type)).toEqual(['visit.travel'])
  })

  it('a token that cannot be renewed for want of signal', async () => {
    const ends: string[] = []
    let signal = false
    let renewed = false
    const door = new Door({
      language: () => 'en',
      fetch: (input, init) => {
        const path = String(input)
        if (!path.endsWith('/refresh') && renewed) return server.fetch(input, init)
        if (path.endsWith('/refresh') && signal) {
          renewed = true
          return Promise.resolve(Response.json({}))
        }
        if (path.endsWith('/refresh')) return Promise.reject(new TypeError('no signal'))
        return Promise.resolve(Response.json({ code: 'token_expired', message: 'Old.' }, { status: 401 }))
      },
    })
    client = phoneOf(server, store, { door, onEnded: (kind) => ends.push(kind) })
    await client.outbox.add([travel])
    await expect(client.sync()).rejects.toThrow(Unreachable)
    expect(ends).toEqual([])
    expect((await store.get('trouble'))?.kind).toBe('offline')
    signal = true
    await client.sync()
    expect(server.applied).toHaveLength(1)
  })

  it('H50 an app that is too old to fetch: sending goes on, fetching stops', async () => {
    const refuse = { status: 426, body: { code: 'upgrade_required', message: 'Too old.', details: { oldest: 3, current: 4 } } }
    server.failOnce('/v1/sync/pull', refuse)
    await expect(client.sync()).rejects.toThrow('Too old.')
    server.calls = []
    await client.outbox.add([travel])
    await client.sync()
    expect(server.calls).toEqual(['/v1/sync/push'])
    expect(server.applied).toHaveLength(1)
    expect((await store.get('trouble'))?.kind).toBe('update')
  })
})

describe('H28 the echo of one\'s own words', () => {
  it('never hides a later word that is not sent yet', async () => {
    await client.sync()
    await client.outbox.add([travel])
    await client.push()
    await client.outbox.add([{ type: 'visit.arrive', args: { visit_id: 'v1' } }])
    server.put('technician:t1', 'visit', makeVisit({ version: 2, state: 'travelling' }))
    await client.pull()
    expect((await client.replica.get('visit', 'v1'))?.state).toBe('on_site')
  })

  it('never brings back an older version of what was just said', async () => {
    await client.sync()
    server.verdict = () => ({ status: 'applied', versions: { 'visit:v1': 2 } })
    await client.outbox.add([travel])
    await client.push()
    await new Promise((resolve) => setTimeout(resolve, 5))
    // An answer from before the push: complete, and without what was said.
    server.put('technician:t1', 'work_order', makeOrder({ version: 2 }))
    await client.pull()
    expect((await client.replica.get('visit', 'v1'))?.state).toBe('travelling')
    server.put('technician:t1', 'visit', makeVisit({ version: 2, state: 'travelling' }))
    await client.pull()
    expect(await store.outbox.count()).toBe(0)
    expect((await client.replica.get('visit', 'v1'))?.state).toBe('travelling')
  })
})

it('H29 what is said while the word before is on its way arrives after it', async () => {
  let open = (): void => undefined
  server.holds.set('/v1/sync/push', new Promise((resolve) => (open = resolve)))
  await client.outbox.add([note('first')])
  const going = client.sync()
  await client.outbox.add([note('second')])
  client.sync().catch(() => undefined)
  open()
  await going
  expect(server.applied.map(({ args }) => args.text)).toEqual(['first', 'second'])
  expect(server.applied.map(({ seq }) => seq)).toEqual([1, 2])
})

describe('H53 leaving with things unsent', () => {
  it('sends them first, pictures too', async () => {
    await client.outbox.add([travel])
    await client.attach({ bytes: new ArrayBuffer(10), type: 'image/jpeg', thumb: null }, (sha256) => ({
      type: 'photo.attach',
      args: { id: 'p1', visit_id: 'v1', sha256, kind: 'other', taken_at: '2026-03-02T08:00:00Z' },
    }))
    expect(await client.drain()).toEqual({ mutations: 0, files: 0 })
    expect(server.applied).toHaveLength(2)
    expect(server.files).toHaveLength(1)
  })

  it('says what is left when there is no signal', async () => {
    await client.outbox.add([travel])
    server.failOnce('/v1/sync/push', 'cut')
    expect(await client.drain()).toEqual({ mutations: 1, files: 0 })
    expect(await states()).toEqual(['sent'])
  })

  it('shows the next person nothing of the one before', async () => {
    await client.sync()
    await client.outbox.add([travel])
    const other = new Store(`${store.name}-other`)
    await other.set('device_id', 'd2')
    const next = phoneOf(server, other)
    expect(await other.docs.count()).toBe(0)
    expect(await other.outbox.count()).toBe(0)
    await next.outbox.add([note('hello')])
    expect((await other.outbox.toArray()).map(({ seq }) => seq)).toEqual([1])
    await next.push()
    expect(server.applied.map(({ type }) => type)).toEqual(['comment.add'])
    await other.delete()
  })
})

describe('H54 a 401 in the middle of the queue', () => {
  it('keeps the queue, asks for the password, and goes on after it', async () => {
    const ends: string[] = []
    client = phoneOf(server, store, { onEnded: (kind) => ends.push(kind) })
    for (let each = 0; each < 250; each++) await client.outbox.add([note(`note ${each}`)])
    let pushes = 0
    const reach = server.fetch
    let lapsed = true
    const door = new Door({
      language: () => 'en',
      fetch: (input, init) => {
        const path = String(input)
        if (path.endsWith('/refresh')) return Promise.resolve(Response.json({ code: 'invalid', message: 'No.' }, { status: 422 }))
        if (path.endsWith('/push') && ++pushes > 1 && lapsed) {
          return Promise.resolve(Response.json({ code: 'token_expired', message: 'Old.' }, { status: 401 }))
        }
        return reach(input, init)
      },
    })
    client = phoneOf(server, store, { door, onEnded: (kind) => ends.push(kind) })
    await expect(client.sync()).rejects.toThrow(Refusal)
    expect((await store.get('trouble'))?.kind).toBe('sign_in')
    expect(ends).toEqual([])
    const sent = server.applied.length
    expect(sent).toBe(200)
    expect(await client.outbox.unsent()).toHaveLength(50)

    lapsed = false
    await client.sync()
    expect(server.applied.map(({ seq }) => seq)).toEqual(Array.from({ length: 250 }, (_, at) => at + 1))
    expect(await store.get('trouble')).toBeNull()
  })
})

describe('H52 a phone that was taken away', () => {
  const gone = { status: 403, body: { code: 'device_revoked', message: 'Gone.', details: { wipe: true } } }

  it('sends what is unsent, erases itself and says so', async () => {
    const ends: string[] = []
    client = phoneOf(server, store, { onEnded: (kind) => ends.push(kind) })
    await client.sync()
    await client.outbox.add([travel])
    server.failOnce('/v1/sync/pull', gone)
    await expect(client.sync()).rejects.toThrow('Gone.')
    expect(server.applied).toHaveLength(1)
    expect(server.wiped).toEqual(['d1'])
    expect(ends).toEqual(['revoked'])
    expect(await Dexie.exists(store.name)).toBe(false)
  })

  it('renews its token when that ran out meanwhile, and still sends what is unsent', async () => {
    const ends: string[] = []
    client = phoneOf(server, store, { onEnded: (kind) => ends.push(kind) })
    await client.sync()
    await client.outbox.add([travel])
    server.failOnce('/v1/sync/push', { status: 401, body: { code: 'token_expired', message: 'Old.' } })
    server.failOnce('/v1/session/refresh', { status: 200, body: {} })
    server.verdict = () => ({ status: 'quarantined' })
    server.failOnce('/v1/sync/pull', gone)
    await expect(client.sync()).rejects.toThrow('Gone.')
    expect(server.applied).toHaveLength(1)
    expect(server.wiped).toEqual(['d1'])
    expect(ends).toEqual(['revoked'])
  })

  it('erases the documents at once, and the rest when it could be sent', async () => {
    const ends: string[] = []
    client = phoneOf(server, store, { onEnded: (kind) => ends.push(kind) })
    await client.sync()
    server.failOnce('/v1/sync/pull', gone)
    server.failOnce('/v1/sync/push', 'cut')
    await client.outbox.add([travel])
    await expect(client.pull().catch((error: unknown) => client.sync().then(() => error))).rejects.toThrow()
    server.failOnce('/v1/sync/pull', gone)
    server.verdict = () => ({ status: 'quarantined' })
    await expect(client.sync()).rejects.toThrow('Gone.')
    expect(server.applied).toHaveLength(1)
    expect(ends).toEqual(['revoked'])
    expect(await Dexie.exists(store.name)).toBe(false)
  })
})

describe('H35 the phone\'s clock', () => {
  it('is measured against the server\'s, and orders nothing', async () => {
    server.ahead = 3600_000
    await client.outbox.add([note('first')])
    await client.sync()
    const offset = (await store.get('clock_offset_ms'))!
    expect(Math.abs(offset - 3600_000)).toBeLessThan(1000)

    // Somebody sets the phone's clock back; what is said then still comes after.
    server.ahead = 2 * 3600_000
    await client.sayAs([note('second')], { happenedAt: new Date(0) })
    await client.sync()
    expect(server.applied.map(({ args }) => args.text)).toEqual(['first', 'second'])
    expect(Math.abs((await store.get('clock_offset_ms'))! - 2 * 3600_000)).toBeLessThan(1000)
  })
})
