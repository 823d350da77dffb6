import 'fake-indexeddb/auto'
import Dexie from 'dexie'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Store, type Part, type SyncClient } from '../src'
import { makeVisit } from './make'
import { phoneOf, until } from './phone'
import { Server } from './server'

let server: Server
let store: Store
let client: SyncClient
let number = 0

const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

function makePart(n: number, fields: Partial<Part> = {}): Part {
  const codes = [`69${String(n).padStart(11, '0')}`]
  return { id: idOf(n), version: 1, sku: `HY-${n}`, name: `Hydraulic seal ${n}`, name_zh: `液压密封件 ${n}`, unit: 'pcs', tracking: 'none', codes, successor_id: null, ...fields }
}

const skus = async (words: string, most = 5): Promise<string[]> => (await client.catalogue.find(words, most)).map((part) => part.sku)

beforeEach(async () => {
  server = new Server()
  server.put('technician:t1', 'visit', makeVisit())
  store = new Store(`catalogue-${number++}`)
  await store.set('device_id', 'd1')
  client = phoneOf(server, store)
})

afterEach(async () => {
  client.stop()
  await store.delete()
})

it('finds parts by any piece of any of their words, in both languages, the best first', async () => {
  server.put('catalogue', 'part', makePart(1, { sku: 'X-12', name: 'Pump seal', name_zh: '泵密封' }))
  server.put('catalogue', 'part', makePart(2, { sku: 'SEAL', name: 'Ring', name_zh: '环' }))
  server.put('catalogue', 'part', makePart(3, { sku: 'P-9', name: 'Unsealed pump', name_zh: '泵' }))
  await client.sync()
  expect(await skus('seal')).toEqual(['SEAL', 'X-12', 'P-9'])
  expect(await skus('PUMP seal')).toEqual(['X-12', 'P-9'])
  expect(await skus('密封')).toEqual(['X-12'])
  expect(await skus('0000001')).toEqual(['X-12'])
  expect(await skus('nothing')).toEqual([])
  expect(await skus('seal', 1)).toEqual(['SEAL'])
})

it('does not take a piece of an id for a word', async () => {
  server.put('catalogue', 'part', makePart(1))
  await client.sync()
  expect(await skus('4000-8000')).toEqual([])
})

it('knows a part by its whole code, however many codes hold the same digits', async () => {
  for (let n = 1; n < 40; n += 1) server.put('catalogue', 'part', makePart(n, { codes: [`1${n}`, `21${n}`] }))
  await client.sync()
  expect((await client.catalogue.withCode('11'))?.sku).toBe('HY-1')
  expect((await client.catalogue.withCode(' HY-21 '))?.sku).toBe('HY-21')
  expect(await client.catalogue.withCode('2')).toBeUndefined()
})

it('finds a part by the words it has now, and none that has left', async () => {
  server.put('catalogue', 'part', makePart(1, { name: 'Old name' }))
  server.put('catalogue', 'part', makePart(2, { name: 'Old friend' }))
  await client.sync()
  expect(await skus('old')).toEqual(['HY-1', 'HY-2'])
  server.put('catalogue', 'part', makePart(1, { version: 2, name: 'New name' }))
  server.remove('catalogue', 'part', idOf(2))
  await client.sync()
  expect(await skus('old')).toEqual([])
  expect(await skus('name')).toEqual(['HY-1'])
})

it('does not grow with every change of a part', async () => {
  server.pageRows = 1000
  for (let version = 1; version <= 2_100; version += 1) server.put('catalogue', 'part', makePart(1, { version, name: `Seal v${version}x` }))
  await client.sync()
  expect((await store.lines.toArray()).map(({ text }) => text.split('\n').length - 1)).toEqual([1])
  expect(await skus('v2100x')).toEqual(['HY-1'])
  expect(await skus('v2099x')).toEqual([])
})

it('searches what has come while the rest is still on its way, and what comes joins the answer', async () => {
  server.pageRows = 2
  for (let n = 1; n < 6; n += 1) server.put('catalogue', 'part', makePart(n))
  const answers: string[][] = []
  const asking = client.replica.watch(async () => skus('hydraulic')).subscribe((found) => answers.push(found))
  await until(() => answers.length === 1)
  await client.sync()
  await until(() => answers.at(-1)!.length === 5)
  expect(answers.some((found) => found.length > 0 && found.length < 5)).toBe(true)
  asking.unsubscribe()
})

it('has the day before the catalogue, says how far it is, and goes on from there', async () => {
  server.pageRows = 2
  for (let n = 1; n < 6; n += 1) server.put('catalogue', 'part', makePart(n))
  server.failOnce('/v1/sync/pull', { status: 503, body: { code: 'busy', message: 'Later.' } })
  await expect(client.sync()).rejects.toThrow('Later.')
  server.pulls = 2
  await expect(client.sync()).rejects.toThrow()
  expect(await client.replica.get('visit', 'v1')).toBeDefined()
  expect(await store.get('arriving')).toEqual({ rows: 4, of: 6 })
  expect(await store.get('begun')).toEqual(['technician:t1', 'catalogue'])
  server.pulls = Infinity
  await client.sync()
  expect(await store.get('arriving')).toBeUndefined()
  expect(await skus('hydraulic', 9)).toHaveLength(5)
})

it('asks no question again that a page of parts does not touch', async () => {
  await client.sync()
  let asked = 0
  const asking = client.replica
    .watch(async (replica) => {
      asked += 1
      return replica.all('visit')
    })
    .subscribe(() => undefined)
  await until(() => asked === 1)
  for (let n = 1; n < 100; n += 1) server.put('catalogue', 'part', makePart(n))
  await client.sync()
  server.put('technician:t1', 'visit', makeVisit({ version: 2 }))
  await client.sync()
  await until(() => asked > 1)
  expect(asked).toBe(2)
  asking.unsubscribe()
})

it('says what is said during a long download before the download ends', async () => {
  server.pageRows = 2
  for (let n = 1; n < 20; n += 1) server.put('catalogue', 'part', makePart(n))
  const downloading = client.sync()
  await until(async () => (await store.get('arriving')) != null)
  await client.outbox.add([{ type: 'visit.travel', args: { visit_id: 'v1' } }])
  await downloading
  const pushed = server.calls.lastIndexOf('/v1/sync/push')
  expect(pushed).toBeGreaterThan(0)
  expect(server.calls.lastIndexOf('/v1/sync/pull')).toBeGreaterThan(pushed)
})

it('lists the parts that a phone has held since before it had a list', async () => {
  const name = `catalogue-old-${number}`
  const old = new Dexie(name)
  const docs = '[entity+id], entity, [entity+doc.order_id], [entity+doc.visit_id], [entity+doc.asset_id]'
  const members = '[scope+entity+id], scope, [entity+id]'
  old.version(2).stores({ docs, members, fresh_docs: docs, fresh_members: members, outbox: 'id, seq, state', files: 'sha256, state', drafts: 'id', meta: 'key' })
  await old.table('docs').add({ entity: 'part', id: idOf(1), version: 1, doc: makePart(1) })
  await old.table('members').add({ scope: 'catalogue', entity: 'part', id: idOf(1) })
  old.close()
  const updated = new Store(name)
  client = phoneOf(server, updated)
  expect(await skus('hydraulic')).toEqual(['HY-1'])
  await updated.delete()
})
