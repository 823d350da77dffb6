import { uuidv7 } from 'uuidv7'

/** The server answered, and the answer was no. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown>,
    readonly requestId: string | null,
    readonly retryAfterMs: number | null,
  ) {
    super(message)
    this.name = 'Refusal'
  }
}

/** Nobody answered: no signal, no server, or the answer was cut. */
export class Unreachable extends Error {
  constructor() {
    super('The server cannot be reached.')
    this.name = 'Unreachable'
  }
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Ask {
  body?: unknown
  raw?: { bytes: BodyInit; type: string }
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface Tokens {
  access_token: string
  refresh_token: string
}

/** Where a client without cookies keeps its tokens. */
export interface TokenKeeper {
  load(): Promise<Tokens | null>
  save(tokens: Tokens | null): Promise<void>
}

export interface DoorOptions {
  /** The address of the server; empty means where the page came from. */
  base?: string
  language(): string
  /** The value of the readable CSRF cookie; absent for clients that use tokens. */
  csrf?(): string | null
  tokens?: TokenKeeper
  /** The number of refreshes done so far by any tab, kept where all tabs see it. */
  refreshes?: { read(): string | null; write(value: string): void }
  locks?: LockManager
  fetch?: typeof fetch
}

const REFRESH = '/v1/session/refresh'
const TIMEOUT_MS = 60_000

/** The way to the server: errors in one shape, one refresh of the session at a time. */
export class Door {
  constructor(private readonly options: DoorOptions) {}

  async call<T>(method: Method, path: string, ask: Ask = {}): Promise<T> {
    const stamp = this.options.refreshes?.read() ?? null
    const key = method === 'GET' ? undefined : uuidv7()
    try {
      return await this.once<T>(method, path, ask, key)
    } catch (error) {
      const mayRefresh = !path.startsWith('/v1/session') || method === 'GET'
      if (!(error instanceof Refusal) || error.status !== 401 || !mayRefresh) throw error
      if (error.code === 'session_ended') throw error
      await this.refresh(stamp)
      return this.once<T>(method, path, ask, key)
    }
  }

  /**
   * Renew the session. A refresh token works once, and its second use revokes the family,
   * so tabs take turns and look first whether another was quicker.
   */
  private async refresh(stamp: string | null): Promise<void> {
    const turn = async (): Promise<void> => {
      if (this.options.refreshes && this.options.refreshes.read() !== stamp) return
      const tokens = await this.options.tokens?.load()
      const answer = await this.once<Partial<Tokens>>('POST', REFRESH, {
        body: tokens ? { refresh_token: tokens.refresh_token } : {},
      }).catch((error: unknown): never => {
        throw unrefreshed(error)
      })
      if (answer.access_token && answer.refresh_token) {
        await this.options.tokens?.save({ access_token: answer.access_token, refresh_token: answer.refresh_token })
      }
      this.options.refreshes?.write(uuidv7())
    }
    if (this.options.locks) await this.options.locks.request('fieldwright:refresh', turn)
    else await turn()
  }

  private async once<T>(method: Method, path: string, ask: Ask, key?: string): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json', 'Accept-Language': this.options.language() }
    if (key && method === 'POST') headers['Idempotency-Key'] = key
    const csrf = method === 'GET' ? null : this.options.csrf?.()
    if (csrf) headers['X-CSRF-Token'] = csrf
    const tokens = path === REFRESH ? null : await this.options.tokens?.load()
    if (tokens) headers.Authorization = `Bearer ${tokens.access_token}`
    let body: BodyInit | undefined
    if (ask.raw) {
      headers['Content-Type'] = ask.raw.type
      body = ask.raw.bytes
    } else if (ask.body !== undefined) {
      headers['Content-Type'] = 'application/json'
      body = JSON.stringify(ask.body)
    }
    const timeout = AbortSignal.timeout(TIMEOUT_MS)
    const signal = ask.signal ? AbortSignal.any([ask.signal, timeout]) : timeout
    const reach = this.options.fetch ?? fetch
    let response: Response
    let text: string
    try {
      response = await reach((this.options.base ?? '') + path, {
        method,
        headers: { ...headers, ...ask.headers },
        credentials: this.options.tokens ? 'omit' : 'same-origin',
        cache: 'no-store',
        signal,
        ...(body === undefined ? {} : { body }),
      })
      text = await response.text()
    } catch {
      if (ask.signal?.aborted) throw ask.signal.reason
      throw new Unreachable()
    }
    const parsed = parse(text)
    if (response.ok) {
      // A cut or foreign answer (a hotel's sign-in page, say) is no answer at all.
      if (parsed === undefined) throw new Unreachable()
      return parsed as T
    }
    throw refusal(response, parsed)
  }
}

/** A session that cannot be renewed is not one that has ended: the person is asked for the password. */
function unrefreshed(error: unknown): unknown {
  const doubtful = error instanceof Refusal && [400, 403, 422].includes(error.status) && error.code !== 'device_revoked'
  return doubtful ? new Refusal(401, 'sign_in', error.message, error.details, error.requestId, null) : error
}

function parse(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function refusal(response: Response, parsed: unknown): Refusal {
  const body = (parsed ?? {}) as { code?: string; message?: string; details?: Record<string, unknown>; request_id?: string; wipe?: boolean }
  const wait = Number(response.headers.get('Retry-After'))
  return new Refusal(
    response.status,
    body.code ?? `http_${response.status}`,
    body.message ?? response.statusText,
    { ...body.details, ...(body.wipe === undefined ? {} : { wipe: body.wipe }) },
    body.request_id ?? response.headers.get('X-Request-Id'),
    Number.isFinite(wait) && wait > 0 ? wait * 1000 : null,
  )
}
