import 'fake-indexeddb/auto'
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  canonicalJson,
  checksum,
  Door,
  Refusal,
  Session,
  sha256Hex,
  Store,
  SyncClient,
  type Canonical,
  type Saying,
  type Tokens,
} from '../src'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const PYTHON = process.env.CONFORMANCE_PYTHON ?? `${ROOT}.venv/bin/python`
const ROUNDS = 10
const BACK_OFF_MS = 50

interface Row {
  entity: string
  id: string
  version: number
}

type Command =
  | { do: 'begin'; email: string; password: string; script: string }
  | { do: 'say'; type: string; args: unknown }
  | { do: 'sync'; rounds?: number }
  | { do: 'wait'; seconds: number }
  | { do: 'compute'; function: string; input: Canonical }
  | { do: 'kill' | 'state' | 'end' }

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** One phone that does what the kit says. */
class Actor {
  private store!: Store
  private client!: SyncClient
  private session!: Session
  private tokens: Tokens | null = null
  private wiped = false
  private who = { email: '', password: '' }

  constructor(private readonly base: string) {}

  async begin(script: string, email: string, password: string): Promise<void> {
    const pocket = new Map<string, string>()
    this.who = { email, password }
    this.wiped = false
    this.tokens = null
    this.store = new Store(`conformance-${script}-${Date.now()}`)
    this.session = new Session(this.door(), {
      getItem: (key) => pocket.get(key) ?? null,
      setItem: (key, value) => void pocket.set(key, value),
      removeItem: (key) => void pocket.delete(key),
    })
    await this.signIn()
    this.open()
  }

  private door(): Door {
    const save = (tokens: Tokens | null): Promise<void> => {
      this.tokens = tokens
      return Promise.resolve()
    }
    return new Door({ base: this.base, language: () => 'en', tokens: { load: () => Promise.resolve(this.tokens), save } })
  }

  private async signIn(): Promise<string> {
    const card = { name: 'Conformance', platform: 'node', app_version: '2.0.0', schema: 2 }
    const { deviceId, tokens } = await this.session.signIn(this.who.email, this.who.password, card, false)
    this.tokens = tokens
    await this.store.set('device_id', deviceId)
    return deviceId
  }

  private open(): void {
    this.client = new SyncClient({
      store: this.store,
      door: this.door(),
      author: { name: 'Ann', technicianId: 't1' },
      appVersion: '2.0.0',
      onEnded: (kind) => (this.wiped ||= kind === 'revoked'),
      newDevice: async () => {
        await this.session.renewDevice(this.who.email)
        return this.signIn()
      },
    })
  }

  /** What is in memory is lost, what is in the database is not. */
  kill(): void {
    this.client.stop()
    const { name } = this.store
    this.store.close()
    this.store = new Store(name)
    this.open()
  }

  async sync(rounds: number): Promise<void> {
    for (let round = 0; round < rounds && !this.wiped; round++) {
      try {
        await this.client.sync()
        return
      } catch (error) {
        await pause((error instanceof Refusal && error.retryAfterMs) || BACK_OFF_MS)
      }
    }
  }

  async state(): Promise<unknown> {
    if (this.wiped) return { rows: [], unsent: [], statuses: {}, wiped: true }
    const rows = []
    for (const { scope, entity, id } of await this.store.members.toArray()) {
      const held = await this.store.docs.get([entity, id])
      rows.push({ scope, entity, id, version: held?.version, doc: held?.doc })
    }
    const kept = await this.store.outbox.where('state').anyOf(['refused', 'blocked', 'review']).toArray()
    return {
      rows,
      unsent: (await this.client.outbox.unsent()).map(({ id }) => id),
      statuses: Object.fromEntries(kept.map(({ id, state }) => [id, state])),
      wiped: false,
    }
  }

  async do(command: Command): Promise<unknown> {
    switch (command.do) {
      case 'begin':
        return this.begin(command.script, command.email, command.password)
      case 'say':
        return this.client.say({ type: command.type, args: command.args } as Saying)
      case 'sync':
        return this.sync(command.rounds ?? ROUNDS)
      case 'wait':
        return pause(command.seconds * 1000)
      case 'compute':
        return compute(command.function, command.input)
      case 'kill':
        return this.kill()
      default:
        return this.state()
    }
  }
}

async function sumOf(rows: Row[]): Promise<{ count: number; checksum: string }> {
  return { count: rows.length, checksum: await checksum(rows) }
}

async function compute(name: string, input: Canonical): Promise<unknown> {
  if (name === 'canonical') return canonicalJson(input)
  if (name === 'manifest_sha256') return sha256Hex(canonicalJson(input))
  const rows = input as unknown as Row[]
  if (name === 'checksum') return sumOf(rows)
  const parts: Record<string, Row[]> = {}
  for (const row of rows) (parts[row.id.slice(0, 2)] ??= []).push(row)
  const sums: Record<string, [number, string]> = {}
  for (const [prefix, part] of Object.entries(parts)) sums[prefix] = [part.length, await checksum(part)]
  return sums
}

/** Do one command after the other until there are no more. */
async function run(url: string): Promise<void> {
  const actor = new Actor(url)
  let told: unknown = {}
  for (;;) {
    const asked = await fetch(`${url}/conformance/next`, { method: 'POST', body: JSON.stringify(told) })
    const command = (await asked.json()) as Command
    if (command.do === 'end') return
    try {
      told = { answer: (await actor.do(command)) ?? null }
    } catch (error) {
      told = { failed: String(error) }
    }
  }
}

/** Start the kit, and return it with everything that it tells. */
async function kit(): Promise<{ url: string; lines: () => string; ended: Promise<number | null> }> {
  const started: ChildProcess = spawn(PYTHON, ['-m', 'conformance', 'client'], { cwd: ROOT })
  let text = ''
  const ended = new Promise<number | null>((resolve) => started.on('exit', resolve))
  const url = await new Promise<string>((resolve, reject) => {
    const hear = (piece: Buffer): void => {
      text += piece.toString()
      const found = /http:\S+/.exec(text)
      if (found) resolve(found[0])
    }
    started.stdout?.on('data', hear)
    started.stderr?.on('data', hear)
    started.on('exit', () => reject(new Error(text)))
  })
  return { url, lines: () => text, ended }
}

// The kit is a Python program of this repository: where that is not set up, its own tests are not either.
describe.runIf(process.env.CONFORMANCE_URL ?? existsSync(PYTHON))('this client under the conformance kit', () => {
  it('does what the protocol says', async () => {
    const given = process.env.CONFORMANCE_URL
    if (given) {
      await run(given)
      return
    }
    const { url, lines, ended } = await kit()
    await run(url)
    expect(await ended, lines()).toBe(0)
    expect(lines()).toContain('All is as the protocol says.')
  }, 120_000)
})
