import type { Documents, Entity } from './documents'
import { checksum, type Standing } from './hash'
import type { Mutation } from './mutations'
import type { Member, Store, StoredDoc } from './store'

export type Change =
  | { op: 'put'; entity: Entity; id: string; version: number; scope: string; doc: Documents[Entity] }
  | { op: 'remove'; entity: Entity; id: string; scope?: string }
  | { op: 'leave'; entity: Entity; id: string; scope: string }
  | { op: 'drop_scope'; scope: string }

type Put = Extract<Change, { op: 'put' }>

export interface Page {
  changes: Change[]
  cursor: string
  complete: boolean
  checkpoint?: { scopes: Record<string, { count: number; checksum: string }> }
  server_time?: string
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
    })
  }

  /**
   * Write a page and its cursor in one transaction. The page that completes a pull also swaps a fresh copy in
   * and forgets accepted mutations from before the pull began, whose effect is now in the documents.
   */
  async apply(page: Page, fresh: boolean, begun: number): Promise<void> {
    const { store } = this
    const all = [store.docs, store.members, store.fresh_docs, store.fresh_members, store.meta, store.outbox]
    await store.transaction('rw', all, async () => {
      await this.write(page.changes, this.tables(fresh))
      await store.set(fresh ? 'fresh_cursor' : 'cursor', page.cursor)
      if (!page.complete) return
      if (fresh) await this.swap(page.cursor)
      if (page.checkpoint) await store.set('checkpoint', page.checkpoint.scopes)
      await this.forget(begun)
    })
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
    await store.transaction('rw', [store.docs, store.members], async () => {
      await this.write(changes, { docs: store.docs, members: store.members })
    })
  }

  /** Write many rows at once: a catalogue has tens of thousands. What comes last stands, whatever its version. */
  private async put(docs: Store['docs'], members: Store['members'], puts: readonly Put[]): Promise<void> {
    if (puts.length === 0) return
    await members.bulkPut(puts.map(({ scope, entity, id }) => ({ scope, entity, id })))
    await docs.bulkPut(puts.map(({ entity, id, version, doc }) => ({ entity, id, version, doc }) as StoredDoc))
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
    const rows: Member[] = await members.where('scope').equals(scope).toArray()
    await members.where('scope').equals(scope).delete()
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
    const all = [store.docs, store.members, store.fresh_docs, store.fresh_members, store.files, store.drafts, store.meta]
    await store.transaction('rw', all, async () => {
      for (const table of [store.docs, store.members, store.fresh_docs, store.fresh_members, store.drafts]) {
        await table.clear()
      }
      await store.files.clear()
      for (const key of ['cursor', 'fresh_cursor', 'checkpoint', 'refreshing']) await store.meta.delete(key)
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

  async standing(scope: string): Promise<{ entity: Entity; id: string; version: number }[]> {
    const { store } = this
    return store.transaction('r', [store.docs, store.members], async () => {
      const keys = (await store.members.where('scope').equals(scope).toArray()).map(
        (row): [Entity, string] => [row.entity, row.id],
      )
      const rows = await store.docs.bulkGet(keys)
      return rows.flatMap((row) => (row ? [{ entity: row.entity, id: row.id, version: row.version }] : []))
    })
  }
}
