import Dexie, { type Collection } from 'dexie'
import { linesOf } from './catalogue'
import type { Documents, Entity, Part } from './documents'
import { checksum, type Standing } from './hash'
import type { Mutation } from './mutations'
import type { Member, Store, StoredDoc } from './store'

export type Change =
  | { op: 'put'; entity: Entity; id: string; version: number; scope: string; doc: Documents[Entity] }
  | { op: 'remove'; entity: Entity; id: string; scope?: string }
  | { op: 'leave'; entity: Entity; id: string; scope: string }
  | { op: 'drop_scope'; scope: string }

/** So few rows at once that Dexie follows each of them; more, and every live question would be asked again. */
const ROWS_FOLLOWED = 49
/** From how many rows of one entity on it is quicker to read all there are. */
const MANY = 500
const ROWS_READ = 5_000
/** How many lines too many the parts list may gather before it is written anew. */
const LINES_SPARE = 2_000

type Put = Extract<Change, { op: 'put' }>

export interface Page {
  changes: Change[]
  cursor: string
  complete: boolean
  checkpoint?: { scopes: Record<string, { count: number; checksum: string }> }
  server_time?: string
  /** How many rows the phone will hold; on pages that do not complete the pull. */
  rows?: number
  reset?: false
}

export type PullAnswer = Page | { reset: true } | null

/** The phone's copy of its scopes, written page by page. */
export class Copy {
  constructor(private readonly store: Store) {}

  private tables(fresh: boolean) {
    const { store } = this
    return fresh
      ? { docs: store.fresh_docs, members: store.fresh_members }
      : { docs: store.docs, members: store.members }
  }

  async cursor(): Promise<{ fresh: boolean; cursor: string | null }> {
    const fresh = (await this.store.get('refreshing')) ?? false
    const cursor = (await this.store.get(fresh ? 'fresh_cursor' : 'cursor')) ?? null
    return { fresh, cursor }
  }

  /** Begin again beside the old copy, which stays readable until the new one is whole. */
  async beginAfresh(): Promise<void> {
    const { store } = this
    await store.transaction('rw', [store.fresh_docs, store.fresh_members, store.meta], async () => {
      await store.fresh_docs.clear()
      await store.fresh_members.clear()
      await store.set('refreshing', true)
      await store.set('fresh_cursor', null)
      await store.meta.bulkDelete(['arriving', 'begun'])
    })
  }

  /**
   * Write a page and its cursor in one transaction. The page that completes a pull also swaps a fresh copy in
   * and forgets accepted mutations from before the pull began, whose effect is now in the documents.
   */
  async apply(page: Page, fresh: boolean, begun: number): Promise<void> {
    const { store } = this
    const all = [store.docs, store.members, store.fresh_docs, store.fresh_members, store.lines, store.meta, store.outbox]
    await store.transaction('rw', all, async () => {
      await this.write(page.changes, this.tables(fresh))
      if (!fresh) await this.list(page.changes)
      await store.set(fresh ? 'fresh_cursor' : 'cursor', page.cursor)
      await this.count(page)
      if (!page.complete) return
      if (fresh) await this.swap(page.cursor)
      else await this.tidyList()
      if (page.checkpoint) await store.set('checkpoint', page.checkpoint.scopes)
      await this.forget(begun)
    })
  }

  /** Note how far the download is with this page. */
  private async count({ changes, complete, rows }: Page): Promise<void> {
    const { store } = this
    if (complete) {
      await store.meta.bulkDelete(['arriving', 'begun'])
      return
    }
    const before = (await store.get('arriving'))?.rows ?? 0
    await store.set('arriving', { rows: before + changes.length, of: rows ?? null })
    const begun = (await store.get('begun')) ?? []
    const more = new Set(changes.flatMap(({ scope }) => (scope && !begun.includes(scope) ? [scope] : [])))
    // Who waits for a scope is told when one begins, not at every page.
    if (more.size > 0) await store.set('begun', [...begun, ...more])
  }

  private async write(changes: readonly Change[], { docs, members }: Pick<Store, 'docs' | 'members'>): Promise<void> {
    const puts: Put[] = []
    for (const change of changes) {
      if (change.op === 'put') {
        puts.push(change)
        continue
      }
      await this.put(docs, members, puts.splice(0))
      if (change.op === 'remove') await this.remove(docs, members, change)
      else if (change.op === 'leave') await members.delete([change.scope, change.entity, change.id])
      else await this.dropScope(docs, members, change.scope)
    }
    await this.put(docs, members, puts)
  }

  /** Mend single rows. */
  async mend(changes: readonly Change[]): Promise<void> {
    const { store } = this
    await store.transaction('rw', [store.docs, store.members, store.lines, store.meta], async () => {
      await this.write(changes, { docs: store.docs, members: store.members })
      await this.list(changes)
    })
  }

  /** Note how the parts among these rows are found. */
  private async list(changes: readonly Change[]): Promise<void> {
    const parts = changes.flatMap((change) => (change.op === 'put' && change.entity === 'part' ? [change.doc as Part] : []))
    await this.addToList(parts)
  }

  private async addToList(parts: readonly Part[]): Promise<void> {
    const { store } = this
    if (parts.length === 0) return
    await store.lines.add({ text: linesOf(parts) })
    await store.set('lines_written', ((await store.get('lines_written')) ?? 0) + parts.length)
  }

  /** Write the parts list anew once much of it is out of date. */
  private async tidyList(): Promise<void> {
    const { store } = this
    const written = (await store.get('lines_written')) ?? 0
    if (written <= LINES_SPARE) return
    const parts = store.docs.where('entity').equals('part')
    if (written > LINES_SPARE + 1.5 * (await parts.count())) await this.listAnew()
  }

  private async listAnew(): Promise<void> {
    const { store } = this
    await store.lines.clear()
    await store.set('lines_written', 0)
    await this.addToList((await store.docs.where('entity').equals('part').toArray()).map(({ doc }) => doc as Part))
  }

  /** Write many rows at once: a catalogue has tens of thousands. What comes last stands, whatever its version. */
  private async put(docs: Store['docs'], members: Store['members'], puts: readonly Put[]): Promise<void> {
    if (puts.length === 0) return
    await members.bulkPut(puts.map(({ scope, entity, id }) => ({ scope, entity, id })))
    const rows = puts.map(({ entity, id, version, doc }) => ({ entity, id, version, doc }) as StoredDoc)
    for (let start = 0; start < rows.length; start += ROWS_FOLLOWED) await docs.bulkPut(rows.slice(start, start + ROWS_FOLLOWED))
  }

  private async remove(
    docs: Store['docs'],
    members: Store['members'],
    change: Extract<Change, { op: 'remove' }>,
  ): Promise<void> {
    const { entity, id, scope } = change
    if (scope) await members.delete([scope, entity, id])
    else await members.where('[entity+id]').equals([entity, id]).delete()
    await this.dropIfAlone(docs, members, entity, id)
  }

  private async dropScope(docs: Store['docs'], members: Store['members'], scope: string): Promise<void> {
    const rows: Member[] = await within(members, scope).toArray()
    await within(members, scope).delete()
    for (const row of rows) await this.dropIfAlone(docs, members, row.entity, row.id)
  }

  private async dropIfAlone(docs: Store['docs'], members: Store['members'], entity: Entity, id: string): Promise<void> {
    const left = await members.where('[entity+id]').equals([entity, id]).count()
    if (left === 0) await docs.delete([entity, id])
  }

  private async swap(cursor: string): Promise<void> {
    const { store } = this
    await store.docs.clear()
    await store.members.clear()
    await store.docs.bulkPut(await store.fresh_docs.toArray())
    await store.members.bulkPut(await store.fresh_members.toArray())
    await store.fresh_docs.clear()
    await store.fresh_members.clear()
    await this.listAnew()
    await store.set('refreshing', false)
    await store.set('fresh_cursor', null)
    await store.set('cursor', cursor)
  }

  /** Let go of accepted mutations whose effect has come. */
  async forget(begun: number): Promise<void> {
    const { store } = this
    const settled = await store.outbox
      .where('state')
      .equals('accepted')
      .filter((mutation) => (mutation.settled_at ?? 0) < begun)
      .toArray()
    for (const mutation of settled) if (await this.shows(mutation)) await store.outbox.delete(mutation.id)
  }

  /** Whether the documents have come as far as what the server made of a mutation. */
  private async shows({ versions = {} }: Mutation): Promise<boolean> {
    for (const [row, version] of Object.entries(versions)) {
      const held = await this.store.docs.get(row.split(':') as [Entity, string])
      if (held && held.version < version) return false
    }
    return true
  }

  /** Return which of these scopes do not add up to the server's checkpoint; all of them when none are named. */
  async differing(of?: ReadonlySet<string>): Promise<string[]> {
    const { store } = this
    const checkpoint = (await store.get('checkpoint')) ?? {}
    const wrong: string[] = []
    for (const [scope, { count, checksum: sum }] of Object.entries(checkpoint)) {
      if (of && !of.has(scope)) continue
      const rows = await this.standing(scope)
      if (rows.length !== count || (await checksum(rows)) !== sum.toLowerCase().padStart(16, '0')) wrong.push(scope)
    }
    return wrong
  }

  /** Return what a scope should come to, and what it comes to here. */
  async sumsOf(scope: string): Promise<{ expected: string; found: string }> {
    const expected = (await this.store.get('checkpoint'))?.[scope]?.checksum ?? ''
    return { expected, found: await checksum(await this.standing(scope)) }
  }

  /** Erase everything that came from the server, and the pictures. What is unsent stays until it is sent. */
  async wipe(): Promise<void> {
    const { store } = this
    const copies = [store.docs, store.members, store.fresh_docs, store.fresh_members, store.lines, store.drafts]
    await store.transaction('rw', [...copies, store.files, store.meta], async () => {
      for (const table of copies) {
        await table.clear()
      }
      await store.files.clear()
      for (const key of ['cursor', 'fresh_cursor', 'checkpoint', 'refreshing', 'arriving', 'begun', 'lines_written']) await store.meta.delete(key)
    })
  }

  /** Return the rows of a scope with each one's part in the sums, by the first two digits of the id. */
  async sums(scope: string): Promise<Record<string, { sum: string; rows: Standing[] }>> {
    const groups: Record<string, Standing[]> = {}
    for (const row of await this.standing(scope)) (groups[row.id.replaceAll('-', '').slice(0, 2)] ??= []).push(row)
    const sums: Record<string, { sum: string; rows: Standing[] }> = {}
    for (const [prefix, rows] of Object.entries(groups)) sums[prefix] = { sum: await checksum(rows), rows }
    return sums
  }

  /** Return the rows of a scope as they stand in the documents. */
  async standing(scope: string): Promise<Standing[]> {
    const { store } = this
    return store.transaction('r', [store.docs, store.members], async () => {
      const ids = new Map<Entity, string[]>()
      for (const [, entity, id] of await within(store.members, scope).primaryKeys()) {
        const known = ids.get(entity)
        if (known) known.push(id)
        else ids.set(entity, [id])
      }
      const standing: Standing[] = []
      for (const [entity, wanted] of ids) {
        if (wanted.length < MANY) {
          for (const row of await store.docs.bulkGet(wanted.map((id): [Entity, string] => [entity, id]))) {
            if (row) standing.push({ entity, id: row.id, version: row.version })
          }
        } else await this.standingOfMany(entity, new Set(wanted), standing)
      }
      return standing
    })
  }

  /** Read a whole entity piece by piece: thousands of rows one by one take a phone many seconds. */
  private async standingOfMany(entity: Entity, wanted: ReadonlySet<string>, standing: Standing[]): Promise<void> {
    const { docs } = this.store
    for (let after = ''; ; ) {
      const rows = await docs.where('[entity+id]').between([entity, after], [entity, Dexie.maxKey], false).limit(ROWS_READ).toArray()
      for (const { id, version } of rows) if (wanted.has(id)) standing.push({ entity, id, version })
      if (rows.length < ROWS_READ) return
      after = rows.at(-1)!.id
    }
  }
}

function within(members: Store['members'], scope: string): Collection<Member, [string, Entity, string]> {
  return members.where('[scope+entity+id]').between([scope], [scope, Dexie.maxKey])
}
