import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Door, letMeSleep, Store, wakeMe, type SyncClient } from '../src'
import { makeOrder, makeVisit } from './make'
import { Locks, phoneOf, until } from './phone'
import { Server } from './server'

let server: Server
let stores: Store[]
let locks: Locks
let tabs: SyncClient[]
let channels: BroadcastChannel[]
let number = 0

beforeEach(() => {
  server = new Server()
  server.put('technician:t1', 'visit', makeVisit())
  server.put('technician:t1', 'work_order', makeOrder())
  locks = new Locks()
  stores = []
  tabs = []
  channels = []
  number += 1
})

afterEach(async () => {
  for (const tab of tabs) tab.stop()
  for (const channel of channels) channel.close()
  await stores[0]!.delete()
  vi.useRealTimers()
})

async function open(name: string): Promise<SyncClient> {
  const store = new Store(`tabs-${number}`)
  await store.set('device_id', 'd1')
  const channel = new BroadcastChannel(store.name)
  const tab = phoneOf(server, store, { locks: locks.of(name), channel })
  stores.push(store)
  tabs.push(tab)
  channels.push(channel)
  tab.start()
  return tab
}

const travel = { type: 'visit.travel', args: { visit_id: 'v1' } } as const

describe('of two tabs', () => {
  it('one leads and sends what the other says', async () => {
    const [first, second] = [await open('one'), await open('two')]
    await until(() => first.leads)
    expect(second.leads).toBe(false)
    await second.say(travel)
    await until(() => server.applied.length === 1)
    await second.sync()
    expect(server.batches.flat()).toEqual([1])
  })

  it('the other takes over when the first is killed, and nothing is sent twice', async () => {
    const [first, second] = [await open('one'), await open('two')]
    await until(async () => (await stores[0]!.get('synced_at')) !== undefined)
    // A killed tab says nothing any more; its lock is freed by the browser.
    channels[0]!.close()
    Object.assign(first, { nudge: () => undefined, stopped: true })
    await second.say(travel)
    expect(server.applied).toHaveLength(0)
    locks.kill('one')
    await until(() => second.leads)
    await until(() => server.applied.length === 1)
    await second.sync()
    expect(server.batches.flat()).toEqual([1])
  })
})

describe('the server\'s word that something has changed', () => {
  it('makes the phone fetch at once', async () => {
    const store = new Store(`tabs-${number}`)
    stores.push(store)
    await store.set('device_id', 'd1')
    const tab = phoneOf(server, store, { listening: true })
    tabs.push(tab)
    tab.start()
    await until(() => server.streams.size === 1)
    await until(async () => (await store.docs.count()) === 2)
    server.put('technician:t1', 'visit', makeVisit({ version: 2, state: 'cancelled' }))
    server.say(': still here\n\nevent: chan')
    server.say('ged\ndata: {"scopes": ["technician:t1"]}\n\n')
    await until(async () => (await store.docs.get(['visit', 'v1']))?.version === 2)
    tab.stop()
    await until(() => server.streams.size === 0)
  })

  it('is not listened for while the battery is to be spared', async () => {
    const store = new Store(`tabs-${number}`)
    stores.push(store)
    await store.set('device_id', 'd1')
    const tab = phoneOf(server, store, { listening: true, sparing: () => true })
    tabs.push(tab)
    tab.start()
    await until(async () => (await store.docs.count()) === 2)
    expect(server.calls).not.toContain('/v1/sync/stream')
  })
})

describe('a phone that nobody looks at', () => {
  const timers = (): number[] => {
    const set: number[] = []
    const original = globalThis.setTimeout
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms?: number) => {
      set.push(ms ?? 0)
      return original(run, ms)
    }) as typeof setTimeout)
    return set
  }

  it.each([
    [true, false],
    [false, true],
  ])('asks by itself only while the battery need not be spared (%s)', async (sparing, asks) => {
    const store = new Store(`tabs-${number}`)
    stores.push(store)
    await store.set('device_id', 'd1')
    const set = timers()
    const tab = phoneOf(server, store, { sparing: () => sparing })
    tabs.push(tab)
    tab.start()
    // A round is over when the time of the next one is set, or is not.
    await tab.sync()
    vi.restoreAllMocks()
    expect(set.includes(60_000)).toBe(asks)
  })

  it('goes on trying while something is unsent', async () => {
    const store = new Store(`tabs-${number}`)
    stores.push(store)
    await store.set('device_id', 'd1')
    const set = timers()
    const tab = phoneOf(server, store, { sparing: () => true, random: () => 0 })
    tabs.push(tab)
    await tab.outbox.add([travel])
    server.failOnce('/v1/sync/push', 'cut')
    tab.start()
    await until(() => set.includes(2_000))
    vi.restoreAllMocks()
  })
})

it('H40 what is said while the server has asked to wait waits too, unless somebody insists', async () => {
  const store = new Store(`tabs-${number}`)
  stores.push(store)
  await store.set('device_id', 'd1')
  const tab = phoneOf(server, store)
  tabs.push(tab)
  server.failOnce('/v1/sync/pull', { status: 503, body: { code: 'busy', message: 'Later.' }, headers: { 'Retry-After': '20' } })
  tab.start()
  await expect(tab.sync()).rejects.toThrow('Later.')
  const asked = server.calls.length
  await tab.say(travel)
  expect(server.calls.length).toBe(asked)
  await tab.sync()
  expect(server.applied).toHaveLength(1)
})

describe('waiting', () => {
  it('lasts at least as long as the server asks, and not the same for everybody', async () => {
    const waits: number[] = []
    const original = globalThis.setTimeout
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms?: number) => {
      if ((ms ?? 0) >= 20_000 && (ms ?? 0) <= 30_000) waits.push(ms!)
      return original(run, ms)
    }) as typeof setTimeout)
    const store = new Store(`tabs-${number}`)
    stores.push(store)
    await store.set('device_id', 'd1')
    for (const luck of [0, 0.5, 0.99]) {
      const tab = phoneOf(server, store, { random: () => luck })
      tabs.push(tab)
      server.failOnce('/v1/sync/pull', { status: 503, body: { code: 'busy', message: 'Later.' }, headers: { 'Retry-After': '20' } })
      tab.start()
      await until(async () => (await store.get('trouble'))?.kind === 'busy' && waits.length > tabs.length - 1)
      tab.stop()
      await store.set('trouble', null)
    }
    vi.restoreAllMocks()
    expect(waits).toEqual([20_000, 25_000, 29_900])
  })
})

it('a sleeping phone tells where it can be woken, and takes that back', async () => {
  const store = new Store(`tabs-${number}`)
  stores.push(store)
  const door = new Door({ language: () => 'en', fetch: server.fetch })
  let subscribed: PushSubscription | null = null
  const pushManager = {
    getSubscription: () => Promise.resolve(subscribed),
    subscribe: ({ applicationServerKey }: PushSubscriptionOptionsInit) => {
      subscribed = {
        endpoint: `https://push.example/${String(applicationServerKey)}`,
        toJSON: () => ({ keys: { p256dh: 'p', auth: 'a' } }),
        unsubscribe: () => Promise.resolve(((subscribed = null), true)),
      } as unknown as PushSubscription
      return Promise.resolve(subscribed)
    },
  } as unknown as PushManager
  await wakeMe(door, { pushManager })
  expect(server.waking).toEqual({ endpoint: 'https://push.example/BK', keys: { p256dh: 'p', auth: 'a' } })
  await letMeSleep(door, { pushManager })
  expect(server.waking).toBeNull()
  expect(subscribed).toBeNull()
})
