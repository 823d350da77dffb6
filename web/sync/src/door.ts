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

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Ask {
  body?: unknown
  raw?: { bytes: BodyInit; type: string }
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface Reply<T> {
  status: number
  headers: Headers
  body: T
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
  /** Told when the server does not know any more who asks, and the session cannot be renewed. */
  stranger?(): void
}

const REFRESH = '/v1/session/refresh'
const TIMEOUT_MS = 60_000
/** So many wishes whose answer was lost are remembered, for the one who tells them again. */
const MOST_UNANSWERED = 20
/** A stream says something at least every 20 seconds; one that is silent for longer is dead. */
const SILENCE_MS = 50_000

/** The way to the server: errors in one shape, one refresh of the session at a time. */
export class Door {
  /** The keys of wishes that may have been granted without our hearing of it. */
  private readonly unanswered = new Map<string, string>()

  constructor(private readonly options: DoorOptions) {}

  async call<T>(method: Method, path: string, ask: Ask = {}): Promise<T> {
    return (await this.reply<T>(method, path, ask)).body
  }

  /** Ask, and return the answer with its headers. What is asked again after its answer was lost is done once. */
  async reply<T>(method: Method, path: string, ask: Ask = {}): Promise<Reply<T>> {
    // What phones push carries keys of its own.
    if (method !== 'POST' || ask.raw || path.startsWith('/v1/sync')) return this.renewing<T>(method, path, ask, uuidv7())
    const wish = `${path}\n${JSON.stringify(ask.body)}`
    const key = this.unanswered.get(wish) ?? uuidv7()
    this.unanswered.delete(wish)
    try {
      return await this.renewing<T>(method, path, ask, key)
    } catch (error) {
      if (isUnheard(error)) this.remember(wish, key)
      throw error
    }
  }

  private remember(wish: string, key: string): void {
    this.unanswered.set(wish, key)
    const [oldest] = this.unanswered.keys()
    if (oldest !== undefined && this.unanswered.size > MOST_UNANSWERED) this.unanswered.delete(oldest)
  }

  /** Ask, once more with a new session when the old one has run out. */
  private async renewing<T>(method: Method, path: string, ask: Ask, key?: string): Promise<Reply<T>> {
    const stamp = this.options.refreshes?.read() ?? null
    const mayRefresh = !path.startsWith('/v1/session') || method === 'GET'
    try {
      try {
        return await this.once<T>(method, path, ask, key)
      } catch (error) {
        if (!(error instanceof Refusal) || error.status !== 401 || !mayRefresh) throw error
        if (error.code === 'session_ended') throw error
        await this.refresh(stamp)
        return await this.once<T>(method, path, ask, key)
      }
    } catch (error) {
      if (mayRefresh && error instanceof Refusal && error.status === 401) this.options.stranger?.()
      throw error
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
      const { body: answer } = await this.once<Partial<Tokens>>('POST', REFRESH, {
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

  /** Listen to a stream of events until it ends or the signal says stop. */
  async listen(path: string, hear: (event: string, data: string) => void, signal: AbortSignal): Promise<void> {
    const dead = new AbortController()
    const either = AbortSignal.any([signal, dead.signal])
    // A line that has silently gone is noticed by the silence.
    let watch = setTimeout(() => dead.abort(), SILENCE_MS)
    try {
      const headers = { ...(await this.headersFor('GET', path)), Accept: 'text/event-stream' }
      const response = await this.reach(path, { method: 'GET', headers, signal: either })
      if (!response.ok) throw refusal(response, parse(await response.text()))
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
      either.addEventListener('abort', () => void reader?.cancel().catch(() => undefined))
      let kept = ''
      for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
        clearTimeout(watch)
        watch = setTimeout(() => dead.abort(), SILENCE_MS)
        const blocks = (kept + next.value.replaceAll('\r\n', '\n')).split('\n\n')
        kept = blocks.pop() ?? ''
        for (const block of blocks) tell(block, hear)
      }
    } catch (error) {
      if (signal.aborted) return
      throw error instanceof Refusal ? error : new Unreachable()
    } finally {
      clearTimeout(watch)
    }
  }

  private async headersFor(method: Method, path: string, key?: string): Promise<Record<string, string>> {
    const headers: Record<string, string> = { Accept: 'application/json', 'Accept-Language': this.options.language() }
    if (key && method === 'POST') headers['Idempotency-Key'] = key
    const csrf = method === 'GET' || method === 'HEAD' ? null : this.options.csrf?.()
    if (csrf) headers['X-CSRF-Token'] = csrf
    const tokens = path === REFRESH ? null : await this.options.tokens?.load()
    if (tokens) headers.Authorization = `Bearer ${tokens.access_token}`
    return headers
  }

  private reach(path: string, init: RequestInit): Promise<Response> {
    const address = path.startsWith('/') ? (this.options.base ?? '') + path : path
    const credentials = this.options.tokens ? 'omit' : 'same-origin'
    return (this.options.fetch ?? fetch)(address, { credentials, cache: 'no-store', ...init })
  }

  private async once<T>(method: Method, path: string, ask: Ask, key?: string): Promise<Reply<T>> {
    const headers = await this.headersFor(method, path, key)
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
    let response: Response
    let text: string
    try {
      const init = { method, headers: { ...headers, ...ask.headers }, signal }
      response = await this.reach(path, body === undefined ? init : { ...init, body })
      text = await response.text()
    } catch {
      if (ask.signal?.aborted) throw ask.signal.reason
      throw new Unreachable()
    }
    const parsed = parse(text)
    if (response.ok) {
      // A cut or foreign answer (a hotel's sign-in page, say) is no answer at all.
      if (parsed === undefined) throw new Unreachable()
      return { status: response.status, headers: response.headers, body: parsed as T }
    }
    throw refusal(response, parsed)
  }
}

/** Whether it may have been done all the same. */
function isUnheard(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof Refusal && error.status >= 500)
}

function tell(block: string, hear: (event: string, data: string) => void): void {
  const fields = block.split('\n').filter((line) => !line.startsWith(':'))
  const of = (name: string): string[] =>
    fields.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart())
  if (of('data').length > 0) hear(of('event').at(-1) ?? 'message', of('data').join('\n'))
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
