import { tick } from 'svelte'
import { Door, Refusal, Session, Store, SyncClient, Unreachable, storeName, type Account, type Role } from '../sync'
import { go } from './route.svelte'
import { hasChosen, speak, words } from './words.svelte'

declare const __APP_VERSION__: string

const REFRESHES = 'fieldwright.refreshes'
const SCHEMA = 1

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
})
const session = new Session(door, localStorage)

interface Home {
  account: Account | null
  client: SyncClient | null
  notice: 'ended' | 'revoked' | null
}

let now = $state.raw<Home>({ account: null, client: null, notice: null })

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
  get zone(): string | undefined {
    return now.account?.organisation.timezone
  },
  may(role: Role): boolean {
    return now.account?.roles.includes(role) ?? false
  },
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
      appVersion: __APP_VERSION__,
      onEnded: ended,
      newDevice: () => session.renewDevice(account.email),
      ...(navigator.locks ? { locks: navigator.locks } : {}),
      channel: new BroadcastChannel(name),
    })
    client.start()
  }
  now = { account, client, notice: null }
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
    const clear = error.code === 'session_ended' || error.code === 'device_revoked'
    // A phone with work on it is not thrown out by a doubt: its sync state asks for the password instead.
    if (clear || (error.status === 401 && !now.client)) ended('ended')
  }
}

export async function signIn(email: string, password: string): Promise<void> {
  const { account } = await session.signIn(
    email,
    password,
    { name: deviceName(), platform: 'web', app_version: __APP_VERSION__, schema: SCHEMA },
    true,
  )
  void navigator.storage?.persist?.()
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

/** Leave. Work that is not sent stays on the phone, in a database that only this person opens again. */
export async function signOut(): Promise<void> {
  const { client } = now
  if (client) {
    await client.outbox.release(true)
    await client.sync().catch(() => undefined)
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
    const { store } = client.replica
    // The pages go first: a question they still ask would hold the database open.
    await tick()
    const unsent = await client.outbox.unsent()
    const files = await store.files.where('state').equals('waiting').count()
    if (unsent.length === 0 && files === 0) await store.delete()
    else store.close()
  }
}
