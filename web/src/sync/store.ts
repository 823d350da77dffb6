import Dexie, { type EntityTable, type Table } from 'dexie'
import type { Documents, Entity } from './documents'
import type { Mutation, MutationArgs } from './mutations'

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

/** What the phone keeps of its own doing for as long as the visit is on it. */
export type Keepsake =
  | { kind: 'use'; id: string; visit_id: string; value: MutationArgs['part.consume'] }
  | { kind: 'seal'; id: string; visit_id: string; value: MutationArgs['signoff.seal'] }

export interface StoredFile {
  sha256: string
  type: string
  size: number
  /** Bytes rather than a Blob: some phones lose Blobs kept in IndexedDB. Gone once the server has them. */
  bytes: ArrayBuffer | null
  thumb: ArrayBuffer | null
  state: 'waiting' | 'stored'
  added_at: number
  error?: string
}

export interface MetaValues {
  device_id: string
  next_seq: number
  confirmed_seq: number
  cursor: string | null
  fresh_cursor: string | null
  refreshing: boolean
  checkpoint: Record<string, { count: number; checksum: string }>
  clock_offset_ms: number
  synced_at: number
  last_full_repair_at: number
  trouble: Trouble | null
}

export interface Trouble {
  kind: 'offline' | 'server' | 'sign_in' | 'ended' | 'revoked' | 'update' | 'forked' | 'diverged'
  message: string
  since: number
}

/** A form half filled in, kept so that a phone that runs out of power loses nothing. */
export interface Draft {
  id: string
  value: unknown
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
  own!: Table<Keepsake, string>
  files!: EntityTable<StoredFile, 'sha256'>
  drafts!: EntityTable<Draft, 'id'>
  meta!: EntityTable<MetaRow, 'key'>

  constructor(name: string) {
    super(name)
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
