import Dexie, { type EntityTable, type Table } from 'dexie'
import { linesOf } from './catalogue'
import type { Documents, Entity } from './documents'
import type { Mutation } from './mutations'

export interface StoredDoc<E extends Entity = Entity> {
  entity: E
  id: string
  version: number
  doc: Documents[E]
}

export interface Member {
  scope: string
  entity: Entity
  id: string
}

export interface StoredFile {
  sha256: string
  type: string
  size: number
  /** Bytes rather than a Blob: some phones lose Blobs kept in IndexedDB. Gone once the server has them. */
  bytes: ArrayBuffer | null
  thumb: ArrayBuffer | null
  state: 'waiting' | 'stored'
  added_at: number
  /** Where the server keeps what has arrived of it so far. */
  upload?: string
  error?: string
}

export interface MetaValues {
  device_id: string
  next_seq: number
  confirmed_seq: number
  cursor: string | null
  fresh_cursor: string | null
  refreshing: boolean
  arriving: Arriving | null
  /** The scopes that have begun to come with this download, in their order; all but the last are here. */
  begun: string[]
  /** How many lines of the parts list were written, also those that newer ones have replaced. */
  lines_written: number
  checkpoint: Record<string, { count: number; checksum: string }>
  clock_offset_ms: number
  synced_at: number
  last_restart_at: number
  proved_at: number
  push_endpoint: string | null
  trouble: Trouble | null
}

/** How far a download has come that is not whole yet. */
export interface Arriving {
  rows: number
  /** How many rows there will be, where the server says so. */
  of: number | null
}

export interface Trouble {
  kind: 'offline' | 'server' | 'busy' | 'full' | 'sign_in' | 'ended' | 'revoked' | 'update' | 'forked' | 'diverged'
  message: string
  since: number
}

/** A form half filled in, kept so that a phone that runs out of power loses nothing. */
export interface Draft {
  id: string
  value: unknown
}

/** Some parts as a search reads them, written as they came. */
export interface Lines {
  no?: number
  text: string
}

interface MetaRow {
  key: string
  value: unknown
}

/** One account's part of the phone. Its name carries the account, so the next user of the phone opens another. */
export class Store extends Dexie {
  docs!: Table<StoredDoc, [Entity, string]>
  members!: Table<Member, [string, Entity, string]>
  fresh_docs!: Table<StoredDoc, [Entity, string]>
  fresh_members!: Table<Member, [string, Entity, string]>
  outbox!: EntityTable<Mutation, 'id'>
  files!: EntityTable<StoredFile, 'sha256'>
  drafts!: EntityTable<Draft, 'id'>
  meta!: EntityTable<MetaRow, 'key'>
  lines!: Table<Lines, number>

  constructor(name: string) {
    // A phone may lose its power at any moment: what counts as said is on the disk, not on its way there.
    super(name, { chromeTransactionDurability: 'strict' })
    const docs = '[entity+id], entity, [entity+doc.order_id], [entity+doc.visit_id]'
    const members = '[scope+entity+id], scope, [entity+id]'
    this.version(1).stores({
      docs,
      members,
      fresh_docs: docs,
      fresh_members: members,
      outbox: 'id, seq, state',
      own: 'id, visit_id',
      files: 'sha256, state',
      drafts: 'id',
      meta: 'key',
    })
    // Schema 2 asks by machine, and has documents for what phones kept of their own doing before. What was said before stays in the shape in which it was said.
    this.version(2)
      .stores({ docs: `${docs}, [entity+doc.asset_id]`, fresh_docs: `${docs}, [entity+doc.asset_id]`, own: null })
      .upgrade((change) =>
        change
          .table<Mutation>('outbox')
          .toCollection()
          .modify((mutation) => {
            mutation.schema ??= 1
          }),
      )
    // A catalogue of fifty thousand parts pays for each index; the members of a scope are a stretch of their own keys.
    const lean = '[scope+entity+id], [entity+id]'
    this.version(3)
      .stores({ members: lean, fresh_members: lean, lines: '++no' })
      .upgrade(async (change) => {
        const parts = await change.table<StoredDoc<'part'>>('docs').where('entity').equals('part').toArray()
        await change.table<Lines>('lines').add({ text: linesOf(parts.map(({ doc }) => doc)) })
      })
  }

  async get<K extends keyof MetaValues>(key: K): Promise<MetaValues[K] | undefined> {
    return (await this.meta.get(key))?.value as MetaValues[K] | undefined
  }

  async set<K extends keyof MetaValues>(key: K, value: MetaValues[K]): Promise<void> {
    await this.meta.put({ key, value })
  }
}

export function storeName(organisationId: string, accountId: string): string {
  return `fieldwright:${organisationId}:${accountId}`
}
