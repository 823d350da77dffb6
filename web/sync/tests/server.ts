import { createHash } from 'node:crypto'
import { sumOf } from './sum'

interface Row {
  entity: string
  id: string
  version: number
  doc: Record<string, unknown>
}

interface Upload {
  sha256: string
  length: number
  bytes: Uint8Array
}

export interface Sent {
  id: string
  seq: number
  schema?: number
  type: string
  args: Record<string, unknown>
}

type Fault = { status: number; body: Record<string, unknown>; headers?: Record<string, string> } | 'cut' | 'lose answer'

/** A small server in memory that keeps the promises a phone relies on. */
export class Server {
  scopes: Record<string, Map<string, Row>> = { 'technician:t1': new Map() }
  log: { n: number; change: Record<string, unknown> }[] = []
  receipts = new Map<string, Record<string, unknown>>()
  applied: Sent[] = []
  devices: Record<string, number> = {}
  files: string[] = []
  uploads = new Map<string, Upload>()
  /** How many bytes of the next pieces arrive before the line is cut. */
  cutAfter: number[] = []
  passed = 0
  restarts = 0
  restartsAllowed = 1
  divergences: Record<string, unknown>[] = []
  wiped: string[] = []
  waking: Record<string, unknown> | null = null
  /** By how much the server's clock goes before the phone's. */
  ahead = 0
  streams = new Set<ReadableStreamDefaultController<Uint8Array>>()
  /** What must happen before an answer to a path is given. */
  holds = new Map<string, Promise<void>>()
  faults: { path: string; fault: Fault }[] = []
  calls: string[] = []
  verdict: (mutation: Sent) => Record<string, unknown> = () => ({ status: 'applied' })
  unreadable: (mutation: Sent) => boolean = () => false
  knows = true
  batches: number[][] = []
  epoch = 1
  pageRows = 100
  /** How many more pulls get through. */
  pulls = Infinity
  spoil = false

  put(scope: string, entity: string, doc: { id: string; version: number }): void {
    const rows = (this.scopes[scope] ??= new Map())
    rows.set(`${entity}|${doc.id}`, { entity, id: doc.id, version: doc.version, doc: { ...doc } })
    this.note({ op: 'put', scope, entity, id: doc.id, version: doc.version, doc: { ...doc } })
  }

  remove(scope: string, entity: string, id: string): void {
    this.scopes[scope]?.delete(`${entity}|${id}`)
    this.note({ op: 'remove', scope, entity, id })
  }

  dropScope(scope: string): void {
    delete this.scopes[scope]
    this.note({ op: 'drop_scope', scope })
  }

  note(change: Record<string, unknown>): void {
    this.log.push({ n: this.log.length + 1, change })
  }

  failOnce(path: string, fault: Fault): void {
    this.faults.push({ path, fault })
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const path = String(input)
    this.calls.push(path)
    const at = this.faults.findIndex((each) => path.startsWith(each.path))
    const fault = at < 0 ? null : this.faults.splice(at, 1)[0]!.fault
    if (fault === 'cut') throw new TypeError('cut')
    if (fault && fault !== 'lose answer') return Response.json(fault.body, { status: fault.status, headers: fault.headers ?? {} })
    for (const [held, until] of this.holds) if (path.startsWith(held)) await until
    if (path === '/v1/sync/stream') return this.stream()
    const body = typeof init?.body === 'string' ? (JSON.parse(init.body) as Record<string, unknown>) : {}
    const answer = await (path.startsWith('/v1/sync/files') ? this.tus(path, init ?? {}) : this.answer(path, body, init?.method ?? 'GET'))
    if (fault === 'lose answer') throw new TypeError('lost')
    return answer
  }

  private async answer(path: string, body: Record<string, unknown>, method: string): Promise<Response> {
    if (path === '/v1/sync/push') return this.push(String(body.device_id), body.mutations as Sent[], Number(body.schema))
    if (path === '/v1/sync/pull') return this.pull(body.cursor as string | null)
    if (path === '/v1/sync/repair') return this.repair(String(body.scope), body.prefixes as string[] | undefined, body.rows as Row[])
    if (path === '/v1/sync/push-key') return Response.json({ public_key: 'BK' })
    if (path === '/v1/sync/push-subscription') {
      this.waking = method === 'PUT' ? body : null
      return new Response(null, { status: 204 })
    }
    if (path === '/v1/sync/restart') {
      if (++this.restarts <= this.restartsAllowed) return Response.json({})
      return Response.json({ code: 'restart_too_soon', message: 'Once a day.' }, { status: 429 })
    }
    if (path === '/v1/sync/divergence') {
      this.divergences.push(body)
      return Response.json({})
    }
    if (path === '/v1/sync/wiped') {
      this.wiped.push(String(body.device_id))
      return Response.json({})
    }
    return Response.json({ code: 'not_found', message: path }, { status: 404 })
  }

  private stream(): Response {
    let mine: ReadableStreamDefaultController<Uint8Array>
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void this.streams.add((mine = controller)),
      cancel: () => void this.streams.delete(mine),
    })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  }

  say(text: string): void {
    for (const stream of this.streams) stream.enqueue(new TextEncoder().encode(text))
  }

  private async tus(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    if (headers.get('Tus-Resumable') !== '1.0.0') return new Response(null, { status: 412 })
    if (init.method === 'POST') {
      const meta = Object.fromEntries(headers.get('Upload-Metadata')!.split(',').map((pair) => pair.trim().split(' '))) as Record<string, string>
      const upload = { sha256: atob(meta.sha256!), length: Number(headers.get('Upload-Length')), bytes: new Uint8Array() }
      const id = `/v1/sync/files/u${this.uploads.size + 1}`
      const known = this.files.includes(upload.sha256)
      this.uploads.set(id, upload)
      return new Response(null, { status: 201, headers: { Location: id, ...(known ? { 'Upload-Offset': String(upload.length) } : {}) } })
    }
    const upload = this.uploads.get(path)
    if (!upload) return new Response(null, { status: 404 })
    if (init.method === 'HEAD') return new Response(null, { headers: { 'Upload-Offset': String(upload.bytes.length) } })
    return this.patch(path, upload, headers, new Uint8Array(init.body as Uint8Array<ArrayBuffer>))
  }

  private async patch(path: string, upload: Upload, headers: Headers, sent: Uint8Array): Promise<Response> {
    if (Number(headers.get('Upload-Offset')) !== upload.bytes.length) return new Response(null, { status: 409 })
    const cut = this.cutAfter.shift()
    const piece = cut === undefined ? sent : sent.slice(0, cut)
    this.passed += piece.length
    if (cut === undefined) {
      const sum = createHash('sha256').update(piece).digest('base64')
      if (headers.get('Upload-Checksum') !== `sha256 ${sum}`) return new Response(null, { status: 460 })
    }
    upload.bytes = Buffer.concat([upload.bytes, piece])
    if (cut !== undefined) throw new TypeError('cut')
    if (upload.bytes.length === upload.length) {
      if (createHash('sha256').update(upload.bytes).digest('hex') !== upload.sha256) {
        this.uploads.delete(path)
        return Response.json({ code: 'refused', message: 'Another hash.' }, { status: 422 })
      }
      this.files.push(upload.sha256)
    }
    return new Response(null, { status: 204, headers: { 'Upload-Offset': String(upload.bytes.length) } })
  }

  private push(device: string, mutations: Sent[], schema: number): Response {
    const last = this.devices[device] ?? 0
    this.batches.push(mutations.map(({ seq }) => seq))
    if (this.knows === false || mutations.some((mutation) => this.unreadable(mutation))) {
      return Response.json({ code: 'invalid', message: 'Makes no sense.', details: {} }, { status: 422 })
    }
    if (mutations[0] && mutations[0].seq > last + 1) {
      return Response.json({ code: 'gap', message: 'gap', details: { expected_seq: last + 1 } }, { status: 409 })
    }
    const results = mutations.map((mutation) => {
      const known = this.receipts.get(mutation.id)
      if (known) return { ...known, replayed: true }
      this.applied.push({ ...mutation, schema })
      const receipt = { id: mutation.id, seq: mutation.seq, replayed: false, versions: {}, notices: [], ...this.verdict(mutation) }
      this.receipts.set(mutation.id, receipt)
      this.devices[device] = Math.max(this.devices[device] ?? 0, mutation.seq)
      return receipt
    })
    return Response.json({ results, last_seq: this.devices[device] ?? 0, server_time: new Date(Date.now() + this.ahead).toISOString() })
  }

  private async repair(scope: string, prefixes: string[] | undefined, held: Row[]): Promise<Response> {
    const rows = [...(this.scopes[scope]?.values() ?? [])]
    const of = (prefix: string): Row[] => rows.filter((row) => row.id.slice(0, 2) === prefix)
    if (!prefixes) {
      const sums: Record<string, [number, string]> = {}
      for (const row of rows) sums[row.id.slice(0, 2)] = [of(row.id.slice(0, 2)).length, await sumOf(of(row.id.slice(0, 2)))]
      return Response.json({ sums })
    }
    const here = prefixes.flatMap(of)
    const puts = here
      .filter((row) => !held.some((each) => each.entity === row.entity && each.id === row.id && each.version === row.version))
      .map((row) => ({ op: 'put', scope, ...row }))
    const removes = held
      .filter((each) => !here.some((row) => each.entity === row.entity && each.id === row.id))
      .map(({ entity, id }) => ({ op: 'remove', scope, entity, id }))
    const changes = [...puts, ...removes]
    return Response.json({ changes: changes.slice(0, this.pageRows), complete: changes.length <= this.pageRows })
  }

  private async pull(cursor: string | null): Promise<Response> {
    if (this.pulls-- <= 0) throw new TypeError('cut')
    const [epoch, seen] = cursor ? cursor.split(':').map(Number) : [this.epoch, 0]
    if (epoch !== this.epoch) return Response.json({ reset: true })
    const fresh = this.log.filter((each) => each.n > seen!)
    if (cursor && fresh.length === 0) return new Response(null, { status: 204 })
    const page = fresh.slice(0, this.pageRows)
    const complete = page.length === fresh.length
    const scopes: Record<string, { count: number; checksum: string }> = {}
    for (const [name, rows] of Object.entries(this.scopes)) {
      const checksum = await sumOf([...rows.values()])
      scopes[name] = { count: rows.size, checksum: this.spoil ? '0000000000000000' : checksum }
    }
    return Response.json({
      changes: page.map((each) => each.change),
      cursor: `${this.epoch}:${page.at(-1)?.n ?? seen}`,
      complete,
      ...(complete ? { checkpoint: { scopes } } : { rows: Object.values(this.scopes).reduce((sum, rows) => sum + rows.size, 0) }),
      server_time: new Date(Date.now() + this.ahead).toISOString(),
    })
  }
}
