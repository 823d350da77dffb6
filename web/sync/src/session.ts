import { uuidv7 } from 'uuidv7'
import type { Language } from './documents'
import { Refusal, type Door, type Tokens } from './door'
import { sha256Hex } from './hash'

export type Role = 'technician' | 'dispatcher' | 'storekeeper' | 'customer' | 'manager' | 'admin'

export interface Account {
  id: string
  name: string
  email: string
  roles: Role[]
  language: Language | null
  technician_id: string | null
  organisation: {
    id: string
    name: string
    timezone: string
    currency: string
    language: Language
  }
}

export interface DeviceCard {
  id: string
  name: string
  platform: string
  app_version: string
  schema: number
}

/** Small values that outlive the page; the browser's localStorage will do. */
export interface Pocket {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

const ACCOUNT = 'fieldwright.account'
const DEVICE = 'fieldwright.device.'
const CARRIER = 'fieldwright.carrier'

const addressOf = (email: string): string => email.trim().toLowerCase()

/** Who is signed in on this phone, known without the network. */
export class Session {
  constructor(
    private readonly door: Door,
    private readonly pocket: Pocket,
  ) {}

  remembered(): Account | null {
    const text = this.pocket.getItem(ACCOUNT)
    return text ? (JSON.parse(text) as Account) : null
  }

  /** Return this installation's device id for a person: two people on one phone are two devices. */
  private async deviceId(email: string): Promise<string> {
    const key = DEVICE + (await sha256Hex(email.trim().toLowerCase())).slice(0, 16)
    const known = this.pocket.getItem(key)
    if (known) return known
    const made = uuidv7()
    this.pocket.setItem(key, made)
    return made
  }

  /** Whether this person is known to carry this phone. */
  private carries(email: string): boolean {
    return this.pocket.getItem(CARRIER) === addressOf(email)
  }

  async renewDevice(email: string): Promise<string> {
    const key = DEVICE + (await sha256Hex(email.trim().toLowerCase())).slice(0, 16)
    this.pocket.removeItem(key)
    return this.deviceId(email)
  }

  async signIn(
    email: string,
    password: string,
    card: Omit<DeviceCard, 'id'>,
    cookies: boolean,
  ): Promise<{ account: Account; deviceId: string; tokens: Tokens | null }> {
    type Answer = { account: Account } & Partial<Tokens>
    const id = await this.deviceId(email)
    const body = { email, password, cookies }
    const registering = { ...body, device: { id, ...card } }
    // Who works at a desk carries no phone. Who does is known only after the door has opened, so the device is
    // named at once only where it is known already; a field worker new to it knocks twice.
    let answer = await this.door.call<Answer>('POST', '/v1/session', { body: this.carries(email) ? registering : body })
    if (answer.account.roles.includes('technician') && !this.carries(email)) {
      answer = await this.door.call<Answer>('POST', '/v1/session', { body: registering })
    }
    if (answer.account.roles.includes('technician')) this.pocket.setItem(CARRIER, addressOf(email))
    this.pocket.setItem(ACCOUNT, JSON.stringify(answer.account))
    const tokens =
      answer.access_token && answer.refresh_token
        ? { access_token: answer.access_token, refresh_token: answer.refresh_token }
        : null
    return { account: answer.account, deviceId: await this.deviceId(answer.account.email), tokens }
  }

  /** Ask the server who is signed in; without an answer the phone goes on with what it remembers. */
  async confirm(): Promise<Account> {
    const answer = await this.door.call<Account | { account: Account }>('GET', '/v1/session')
    const account = 'account' in answer ? answer.account : answer
    this.pocket.setItem(ACCOUNT, JSON.stringify(account))
    return account
  }

  async device(): Promise<string | null> {
    const account = this.remembered()
    return account ? this.deviceId(account.email) : null
  }

  async signOut(): Promise<void> {
    try {
      await this.door.call('DELETE', '/v1/session')
    } catch (error) {
      if (!(error instanceof Refusal) || (error.status !== 401 && error.status !== 403)) throw error
    }
    this.forget()
  }

  forget(): void {
    this.pocket.removeItem(ACCOUNT)
  }
}
