import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Door, Store, SyncClient, type ClientOptions } from '../src'
import { makeOrder, makeVisit } from './make'
import { Server } from './server'

let server: Server
let store: Store
let client: SyncClient
let number = 0

function phone(options: Partial<ClientOptions> = {}): SyncClient {
  const door = new Door({ language: () => 'en', fetch: server.fetch })
  return new SyncClient({ store, door, author: { name: 'Ann', technicianId: 't1' }, appVersion: '1.0.0', ...options })
}

beforeEach(async () => {
  server = new Server()
  server.put('technician:t1', 'visit', makeVisit())
  server.put('technician:t1', 'work_order', makeOrder())
  store = new Store(`test-${number++}`)
  await store.set('device_id', 'd1')
  client = phone()
})

afterEach(async () => {
  client.stop()
  await store.delete()
})

const travel = { type: 'visit.travel', args: { visit_id: 'v1' } } as const
const states = async (): Promise<string[]> => (await store.outbox.orderBy('seq').toArray()).map((each) => each.state)

describe('saying things', () => {
  it('shows at once what was done, and keeps showing it until the server\'s version is here', async () => {
    await client.sync()
    await client.outbox.add([travel])
    expect((await client.replica.get('visit', 'v1'))?.state).toBe('travelling')

    await client.push()
    expect((await client.replica.get('visit', 'v1'))?.state).toBe('travelling')

    server.put('technician:t1', 'visit', makeVisit({ version: 2, state: 'travelling' }))
    await new Promise((resolve) => setTimeout(resolve, 5))
    await client.pull()
    expect((await client.replica.get('visit', 'v1'))?.version).toBe(2)
    expect(await store.outbox.count()).toBe(0)
  })

  it('numbers without a hole, also when something was taken back', async () => {
    const [held] = await client.outbox.add([travel], { holdMs: 10_000 })
    await client.outbox.add([travel])
    expect(await client.outbox.undo(held!)).toBe(true)
    await client.outbox.add([travel])
    expect((await store.outbox.orderBy('seq').toArray()).map((each) => each.seq)).toEqual([1, 2])
  })

  it('counts a used part out of the van, below zero if need be', async () => {
    const stock = { id: 's1', version: 1, place_id: 'van', part_id: 'p1', on_hand: 1, reserved: 0, unexplained: 0, min: null, max: null }
    server.put('technician:t1', 'van_stock', stock)
    await client.sync()
    await client.outbox.add([{ type: 'part.consume', args: { id: 'u1', visit_id: 'v1', part_id: 'p1', qty: 3 } }])
    expect((await client.replica.all('van_stock'))[0]?.on_hand).toBe(-2)
    expect(await client.replica.ofVisit('part_use', 'v1')).toMatchObject([{ id: 'u1', qty: 3 }])
  })
})

describe('pushing', () => {
  it('applies once when the answer is lost', async () => {
    await client.outbox.add([travel])
    server.failOnce('/v1/sync/push', 'lose answer')
    await expect(client.sync()).rejects.toThrow()
    expect(await states()).toEqual(['sent'])
    await client.sync()
    expect(server.applied).toHaveLength(1)
  })

  it.each([401, 403, 409, 422, 429, 500, 503])('drops nothing on %i', async (status) => {
    await client.outbox.add([travel])
    const refuse = { status, body: { code: 'busy', message: 'No.' } }
    for (let time = 0; time < 3; time++) server.failOnce('/v1/sync/push', refuse)
    await expect(client.push()).rejects.toThrow()
    expect(await states()).toEqual(['sent'])
  })

  it('sends again from the number that the server expects', async () => {
    await client.outbox.add([travel, travel])
    await client.push()
    server.devices.d1 = 1
    server.receipts.delete((await store.outbox.where('seq').equals(2).first())!.id)
    await client.outbox.add([travel])
    await client.push()
    expect(server.applied.map((each) => each.seq)).toEqual([1, 2, 2, 3])
  })

  it('becomes another device when it was copied, and loses nothing', async () => {
    await client.outbox.add([travel, travel])
    await client.push()
    await client.outbox.add([travel])
    client.stop()
    client = phone({ newDevice: () => Promise.resolve('d2') })
    server.failOnce('/v1/sync/push', { status: 409, body: { code: 'device_forked', message: 'copied' } })
    await expect(client.push()).rejects.toThrow('sign in')
    await client.push()
    expect(server.applied.map((each) => each.seq)).toEqual([1, 2, 1])
    expect(server.devices.d2).toBe(1)
  })

  it('keeps what was refused for a person, who may say it again', async () => {
    server.verdict = ({ seq }) => (seq === 1 ? { status: 'refused', error: { code: 'conflict', message: 'Closed.' } } : { status: 'blocked' })
    const [first] = await client.outbox.add([{ type: 'order.edit', args: { order_id: 'o1', priority: 1 } }])
    await client.outbox.add([travel], { dependsOn: [first!] })
    await client.push()
    const waiting = await client.replica.needingAPerson()
    expect(waiting.map((each) => each.state)).toEqual(['refused', 'blocked'])

    await client.outbox.retry(waiting[0]!.id)
    await client.outbox.retry(waiting[1]!.id)
    const [again, after] = await client.outbox.unsent()
    expect(again!.id).not.toBe(first)
    expect(after!.depends_on).toEqual([again!.id])
    expect((await store.outbox.get(first!))?.state).toBe('dismissed')
  })
})

describe('pulling', () => {
  it('goes on from the last stored page after a cut', async () => {
    for (let each = 0; each < 10; each++) server.put('technician:t1', 'comment', { id: `c${each}`, version: 1 })
    server.pageRows = 4
    await client.pull().catch(() => undefined)
    expect(await store.docs.count()).toBe(12)

    server.put('technician:t1', 'comment', { id: 'late', version: 1 })
    server.failOnce('/v1/sync/pull', 'cut')
    await expect(client.pull()).rejects.toThrow()
    await client.pull()
    expect(await store.docs.count()).toBe(13)
  })

  it('lets go of what leaves the scope, and keeps what another scope still holds', async () => {
    server.put('catalogue', 'part', { id: 'p1', version: 1 })
    server.put('technician:t1', 'part', { id: 'p1', version: 1 })
    server.put('catalogue', 'part', { id: 'p2', version: 1 })
    await client.sync()
    server.remove('technician:t1', 'visit', 'v1')
    server.dropScope('catalogue')
    await client.sync()
    expect(await store.docs.get(['visit', 'v1'])).toBeUndefined()
    expect(await store.docs.get(['part', 'p1'])).toBeDefined()
    expect(await store.docs.get(['part', 'p2'])).toBeUndefined()
  })

  it('starts over beside the old copy and keeps unsent work', async () => {
    await client.sync()
    await store.docs.put({ entity: 'visit', id: 'ghost', version: 1, doc: makeVisit({ id: 'ghost' }) })
    server.epoch = 2
    await client.outbox.add([travel])
    server.failOnce('/v1/sync/push', { status: 503, body: { code: 'busy', message: 'later' } })
    await client.pull()
    expect(await store.docs.get(['visit', 'ghost'])).toBeUndefined()
    expect(await store.docs.count()).toBe(2)
    expect(await states()).toEqual(['queued'])
  })

  it('takes a document as it comes, also in a lower version than it held', async () => {
    server.put('technician:t1', 'visit', makeVisit({ version: 9, findings: 'mistaken' }))
    await client.sync()
    server.put('technician:t1', 'visit', makeVisit({ version: 4, findings: 'true' }))
    server.calls = []
    await client.sync()
    expect((await store.docs.get(['visit', 'v1']))?.version).toBe(4)
    expect((await client.replica.get('visit', 'v1'))?.findings).toBe('true')
    expect(server.calls).toEqual(['/v1/sync/pull'])
  })

  it('H43 finds a lost, a changed and an added row by checksum, and fetches only those', async () => {
    for (let each = 10; each < 60; each++) server.put('technician:t1', 'comment', { id: `${each}c`, version: 2 })
    await client.sync()
    await store.docs.delete(['work_order', 'o1'])
    await store.docs.update(['comment', '10c'], { version: 9 })
    await store.docs.put({ entity: 'visit', id: 'ghost', version: 1, doc: makeVisit({ id: 'ghost' }) })
    await store.members.put({ scope: 'technician:t1', entity: 'visit', id: 'ghost' })
    server.put('technician:t1', 'visit', makeVisit({ version: 2 }))
    server.calls = []
    await client.sync()
    expect(await store.docs.get(['work_order', 'o1'])).toBeDefined()
    expect((await store.docs.get(['comment', '10c']))?.version).toBe(2)
    expect(await store.docs.get(['visit', 'ghost'])).toBeUndefined()
    expect(server.calls).toEqual(['/v1/sync/pull', '/v1/sync/repair', '/v1/sync/repair', '/v1/sync/divergence'])
    expect(server.divergences).toEqual([expect.objectContaining({ scope: 'technician:t1', rows_fetched: 3, repaired: true })])
  })

  it('H41 asks for as many pages as it takes to mend what differs', async () => {
    for (let each = 10; each < 60; each++) server.put('technician:t1', 'comment', { id: `${each}c`, version: 2 })
    await client.sync()
    await store.docs.where('entity').equals('comment').modify({ version: 9 })
    server.put('technician:t1', 'visit', makeVisit({ version: 2 }))
    await client.pull()
    expect(await store.docs.where('entity').equals('comment').filter(({ version }) => version !== 2).count()).toBe(0)

    server.pageRows = 20
    await store.docs.where('entity').equals('comment').modify({ version: 9 })
    server.put('technician:t1', 'visit', makeVisit({ version: 3 }))
    server.calls = []
    await client.sync()
    expect(server.calls.filter((path) => path === '/v1/sync/repair')).toHaveLength(4)
    expect(await store.docs.where('entity').equals('comment').filter(({ version }) => version !== 2).count()).toBe(0)
    expect(server.divergences.at(-1)).toMatchObject({ rows_fetched: 50, repaired: true })
  })

  it('H45 pulls everything once a day when it cannot be mended, then raises an alarm', async () => {
    await client.sync()
    server.spoil = true
    server.put('technician:t1', 'visit', makeVisit({ version: 3 }))
    await client.sync()
    expect((await store.get('trouble'))?.kind).toBe('diverged')
    expect(await store.docs.count()).toBe(2)
    expect(server.restarts).toBe(1)
    server.put('technician:t1', 'visit', makeVisit({ version: 4 }))
    await client.sync()
    expect(server.restarts).toBe(1)
    expect(server.divergences.at(-1)).toMatchObject({ repaired: false })
  })

  it('H45 does not pull everything when the server says that it was too soon', async () => {
    await client.sync()
    server.spoil = true
    server.restartsAllowed = 0
    server.put('technician:t1', 'visit', makeVisit({ version: 3 }))
    await client.sync()
    expect(await store.get('refreshing')).toBeFalsy()
    expect((await store.get('trouble'))?.kind).toBe('diverged')
  })

  it('starts over when its cursor is not known', async () => {
    await client.sync()
    server.failOnce('/v1/sync/pull', { status: 409, body: { code: 'start_over', message: 'again' } })
    await client.sync()
    expect(await store.docs.count()).toBe(2)
  })

  it('keeps a row that leaves one of two scopes', async () => {
    server.put('catalogue', 'part', { id: 'p1', version: 1 })
    await client.sync()
    await store.members.put({ scope: 'other', entity: 'part', id: 'p1' })
    server.note({ op: 'leave', scope: 'catalogue', entity: 'part', id: 'p1' })
    server.scopes.catalogue!.clear()
    await client.sync()
    expect(await store.docs.get(['part', 'p1'])).toBeDefined()
    expect(await store.members.filter(({ scope }) => scope === 'catalogue').count()).toBe(0)
  })
})

describe('sessions', () => {
  it('outlive a broken network', async () => {
    const ends: string[] = []
    client.stop()
    client = phone({ onEnded: (kind) => ends.push(kind) })
    server.failOnce('/v1/sync/pull', 'cut')
    await expect(client.sync()).rejects.toThrow()
    expect(ends).toEqual([])
    expect((await store.get('trouble'))?.kind).toBe('offline')
  })

  it('end when the server takes the phone away, after one last push', async () => {
    const ends: string[] = []
    client.stop()
    client = phone({ onEnded: (kind) => ends.push(kind) })
    await client.outbox.add([travel])
    server.failOnce('/v1/sync/pull', { status: 403, body: { code: 'device_revoked', message: 'gone', wipe: true } })
    await expect(client.sync()).rejects.toThrow()
    expect(ends).toEqual(['revoked'])
    expect(server.applied).toHaveLength(1)
  })

  it('are refreshed once for a call', async () => {
    let pulls = 0
    const door = new Door({
      language: () => 'en',
      fetch: (input) => {
        const path = String(input)
        if (path.endsWith('/refresh')) return Promise.resolve(Response.json({}))
        pulls += 1
        return Promise.resolve(pulls === 1 ? Response.json({ code: 'token_expired' }, { status: 401 }) : Response.json({ ok: true }))
      },
    })
    expect(await door.call('GET', '/v1/visits')).toEqual({ ok: true })
    expect(pulls).toBe(2)
  })
})

describe('a batch that is refused as a whole', () => {
  const note = (text: string) => ({ type: 'comment.add', args: { id: text, order_id: 'o1', text } }) as const

  it('sets the one bad thing aside with its content, and sends the rest', async () => {
    for (let n = 1; n <= 9; n++) await client.outbox.add([note(`note ${n}`)])
    server.unreadable = ({ args }) => args.text === 'note 5' || args.text === 'note 8'
    await client.push()

    const said = server.applied.filter(({ type }) => type === 'comment.add').map(({ args }) => args.text)
    expect(said).toEqual([1, 2, 3, 4, 6, 7, 9].map((n) => `note ${n}`))
    expect(server.applied.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])

    const people = await client.replica.needingAPerson()
    expect(people.map(({ args }) => (args as { text: string }).text)).toEqual(['note 5', 'note 8'])
    expect(people[0]!.error?.message).toBe('Makes no sense.')
    expect(await client.outbox.unsent()).toEqual([])
    await client.outbox.add([note('note 10')])
    await client.push()
    expect(server.applied.at(-1)).toMatchObject({ seq: 10, args: { text: 'note 10' } })
  })

  it('sets nothing aside when the server minds the phone and not what it says', async () => {
    await client.outbox.add([note('one')])
    await client.outbox.add([note('two')])
    server.knows = false
    await expect(client.push()).rejects.toThrow('Makes no sense.')
    expect(await states()).toEqual(['sent', 'sent'])
    expect(await client.replica.needingAPerson()).toEqual([])

    server.knows = true
    await client.push()
    expect(server.applied.map(({ args }) => args.text)).toEqual(['one', 'two'])
  })

  it('says what was set aside again when somebody asks for it', async () => {
    await client.outbox.add([note('one')])
    server.unreadable = ({ type }) => type === 'comment.add'
    await client.push()
    const [parked] = await client.replica.needingAPerson()
    server.unreadable = () => false
    await client.outbox.retry(parked!.id)
    await client.push()
    expect(server.applied.map(({ type }) => type)).toEqual(['phone.left_out', 'comment.add'])
  })
})
