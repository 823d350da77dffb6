import type { Documents, Entity } from './documents'
import { checksum, type Standing } from './hash'
import type { Member, Store, StoredDoc } from './store'

export type Change =
  | { op: 'put'; entity: Entity; id: string; version: number; scope: string; doc: Documents[Entity] }
  | { op: 'remove'; entity: Entity; id: string; scope?: string }
  | { op: 'leave'; entity: Entity; id: string; scope: string }
  | { op: 'drop_scope'; scope: string }

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
    const all = [store.docs, store.members, store.fresh_docs, store.fresh_members, store.meta, store.outbox, store.own]
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
    for (const change of changes) {
      if (change.op === 'put') await this.put(docs, members, change)
      else if (change.op === 'remove') await this.remove(docs, members, change)
      else if (change.op === 'leave') await members.delete([change.scope, change.entity, change.id])
      else await this.dropScope(docs, members, change.scope)
    }
  }

  /** Mend single rows. What the phone holds is wrong, so its versions count for nothing. */
  async mend(changes: readonly Change[]): Promise<void> {
    const { store } = this
    await store.transaction('rw', [store.docs, store.members], async () => {
      for (const change of changes) if (change.op === 'put') await store.docs.delete([change.entity, change.id])
      await this.write(changes, { docs: store.docs, members: store.members })
    })
  }

  private async put(
    docs: Store['docs'],
    members: Store['members'],
    change: Extract<Change, { op: 'put' }>,
  ): Promise<void> {
    const { entity, id, version, scope, doc } = change
    await members.put({ scope, entity, id })
    const held = await docs.get([entity, id])
    // A row that comes through two scopes may come in two versions: the later one counts.
    if (!held || held.version <= version) await docs.put({ entity, id, version, doc } as StoredDoc)
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

  async forget(begun: number): Promise<void> {
    const { store } = this
    await store.outbox
      .where('state')
      .equals('accepted')
      .filter((mutation) => (mutation.settled_at ?? 0) < begun)
      .delete()
    const visits = new Set((await store.own.toArray()).map((keepsake) => keepsake.visit_id))
    for (const id of visits) {
      const there = await store.docs.where('[entity+id]').equals(['visit', id]).count()
      if (there > 0) continue
      const unsent = await store.outbox
        .filter((each) => each.state !== 'accepted' && each.state !== 'dismissed' && 'visit_id' in each.args && each.args.visit_id === id)
        .count()
      if (unsent === 0) await store.own.where('visit_id').equals(id).delete()
    }
  }

  /** Return the scopes whose rows on the phone do not add up to the server's checkpoint. */
  async differing(): Promise<string[]> {
    const { store } = this
    const checkpoint = (await store.get('checkpoint')) ?? {}
    const wrong: string[] = []
    for (const [scope, { count, checksum: sum }] of Object.entries(checkpoint)) {
      const rows = await this.standing(scope)
      if (rows.length !== count || (await checksum(rows)) !== sum.toLowerCase().padStart(16, '0')) wrong.push(scope)
    }
    return wrong
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
