import { tick } from 'svelte'
import {
  Door,
  letMeSleep,
  Refusal,
  SCHEMA,
  Session,
  Store,
  storeName,
  SyncClient,
  Unreachable,
  wakeMe,
  type Account,
  type Role,
  type Unsent,
} from '@fieldwright/sync'
import { isLow } from './battery'
import { go } from './route.svelte'
import { hasChosen, speak, words } from './words.svelte'

declare const __APP_VERSION__: string
export const VERSION = __APP_VERSION__

const REFRESHES = 'fieldwright.refreshes'

function cookie(name: string): string | null {
  const found = document.cookie.split('; ').find((each) => each.startsWith(`${name}=`))
  return found ? decodeURIComponent(found.slice(name.length + 1)) : null
}

export const door = new Door({
  language: () => words.language,
  csrf: () => cookie('fw_csrf'),
  refreshes: {
    read: () => localStorage.getItem(REFRESHES),
    write: (value) => localStorage.setItem(REFRESHES, value),
  },
  ...(navigator.locks ? { locks: navigator.locks } : {}),
  // A phone goes on without; its sync state asks for the password when there is time.
  stranger: () => {
    if (now.account && !now.client) now = { ...now, stranger: true }
  },
})
const session = new Session(door, localStorage)

interface Home {
  account: Account | null
  client: SyncClient | null
  notice: 'ended' | 'revoked' | null
  stranger?: boolean
}

let now = $state.raw<Home>({ account: null, client: null, notice: null })
let entries = $state(0)
/** A clock that is off by no more than this is let be, as the server does. */
const SKEW_MS = 5 * 60_000
let skew = $state(0)

/** Who is here, and the phone's client if the person works in the field. */
export const here = {
  get account(): Account | null {
    return now.account
  },
  get client(): SyncClient | null {
    return now.client
  },
  get notice(): Home['notice'] {
    return now.notice
  },
  /** Whether the server has forgotten somebody who is in the middle of something. */
  get stranger(): boolean {
    return now.stranger ?? false
  },
  /** How often somebody has come in; what is shown is asked for anew with each. */
  get entries(): number {
    return entries
  },
  get zone(): string | undefined {
    return now.account?.organisation.timezone
  },
  /** By how much the phone's clock is off, in milliseconds to add; small differences count as none. */
  get skew(): number {
    return Math.abs(skew) > SKEW_MS ? skew : 0
  },
  /** The time it really is, as far as the phone knows. */
  now(): Date {
    return new Date(Date.now() + here.skew)
  },
  /** Put right a moment that this phone has written down. */
  really(moment: string | number): number {
    return new Date(moment).getTime() + here.skew
  },
  may(role: Role): boolean {
    return now.account?.roles.includes(role) ?? false
  },
}

/** Let somebody look on without a session; with the next thing that needs one they are asked again. */
export function lookOn(): void {
  now = { ...now, stranger: false }
}

/** The client of a page that only field workers can open. */
export function phone(): SyncClient {
  if (!now.client) throw new Error('Nobody who works in the field is signed in.')
  return now.client
}

function ended(kind: 'ended' | 'revoked'): void {
  now.client?.stop()
  session.forget()
  now = { account: null, client: null, notice: kind }
}

async function enter(account: Account): Promise<void> {
  now.client?.stop()
  let client: SyncClient | null = null
  if (account.roles.includes('technician')) {
    const name = storeName(account.organisation.id, account.id)
    const store = new Store(name)
    const deviceId = await session.device()
    if (deviceId) await store.set('device_id', deviceId)
    client = new SyncClient({
      store,
      door,
      author: { name: account.name, technicianId: account.technician_id },
      appVersion: VERSION,
      onEnded: ended,
      newDevice: () => session.renewDevice(account.email),
      sparing: isLow,
      listening: true,
      ...(navigator.locks ? { locks: navigator.locks } : {}),
      channel: new BroadcastChannel(name),
    })
    client.start()
    void client.room.persist().catch(() => false)
    client.replica.watch(({ store: its }) => its.get('clock_offset_ms')).subscribe({
      next: (offset) => (skew = offset ?? 0),
      error: () => undefined,
    })
  }
  now = { account, client, notice: null }
  entries += 1
  if (!hasChosen() && account.language) await speak(account.language)
}

/** Open the app with what the phone remembers, and ask the server behind its back. */
export async function wake(): Promise<void> {
  const remembered = session.remembered()
  if (!remembered) return
  await enter(remembered)
  void confirm(remembered)
}

async function confirm(remembered: Account): Promise<void> {
  try {
    const account = await session.confirm()
    if (account.id !== remembered.id || account.roles.join() !== remembered.roles.join()) await enter(account)
    else now = { ...now, account }
  } catch (error) {
    if (!(error instanceof Refusal)) return
    // A phone that was taken away first says what is unsent; its client ends the session when it has.
    const clear = error.code === 'session_ended' || (error.code === 'device_revoked' && !now.client)
    // A phone with work on it is not thrown out by a doubt: its sync state asks for the password instead.
    if (clear || (error.status === 401 && !now.client)) ended('ended')
  }
}

export async function signIn(email: string, password: string): Promise<void> {
  const { account } = await session.signIn(
    email,
    password,
    { name: deviceName(), platform: 'web', app_version: VERSION, schema: SCHEMA },
    true,
  )
  localStorage.setItem(REFRESHES, String(Date.now()))
  await enter(account)
  if (!location.hash || location.hash === '#/sign-in') go('/')
}

function deviceName(): string {
  const agent = navigator.userAgent
  const system = /Android|iPhone|iPad|Windows|Macintosh|Linux/.exec(agent)?.[0] ?? 'Browser'
  const browser = /Edg|Firefox|Chrome|Safari/.exec(agent)?.[0] ?? ''
  return `${system} ${browser}`.trim()
}

/** Ask to be woken when something new comes while the app is closed. Returns whether that is allowed. */
export async function wakeOnNews(): Promise<boolean> {
  if ((await Notification.requestPermission()) !== 'granted') return false
  const { endpoint } = await wakeMe(door, await navigator.serviceWorker.ready)
  await phone().replica.store.set('push_endpoint', endpoint)
  return true
}

/** Leave, once everything is sent. What cannot be sent is returned, and nobody has left. */
export async function signOut(): Promise<Unsent | null> {
  const { client } = now
  if (client) {
    const left = await client.drain()
    if (left.mutations + left.files > 0) return left
    if (await client.replica.store.get('push_endpoint')) {
      await letMeSleep(door, await navigator.serviceWorker.ready).catch(() => undefined)
    }
  }
  try {
    await session.signOut()
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error
    session.forget()
  }
  now = { account: null, client: null, notice: null }
  go('/')
  if (client) {
    client.stop()
    // The pages go first: a question they still ask would hold the database open.
    await tick()
    await client.replica.store.delete()
  }
  return null
}
