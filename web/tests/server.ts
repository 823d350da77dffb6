import { sumOf } from './sum'

interface Row {
  entity: string
  id: string
  version: number
  doc: Record<string, unknown>
}

interface Sent {
  id: string
  seq: number
  type: string
  args: Record<string, unknown>
}

type Fault = { status: number; body: Record<string, unknown> } | 'cut' | 'lose answer'

/** A small server in memory that keeps the promises a phone relies on. */
export class Server {
  scopes: Record<string, Map<string, Row>> = { 'technician:t1': new Map() }
  log: { n: number; change: Record<string, unknown> }[] = []
  receipts = new Map<string, Record<string, unknown>>()
  applied: Sent[] = []
  devices: Record<string, number> = {}
  files: string[] = []
  faults: { path: string; fault: Fault }[] = []
  calls: string[] = []
  verdict: (mutation: Sent) => Record<string, unknown> = () => ({ status: 'applied' })
  unreadable: (mutation: Sent) => boolean = () => false
  knows = true
  batches: number[][] = []
  epoch = 1
  pageRows = 100
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
    if (fault && fault !== 'lose answer') return Response.json(fault.body, { status: fault.status })
    const body = typeof init?.body === 'string' ? (JSON.parse(init.body) as Record<string, unknown>) : {}
    const answer = await this.answer(path, body)
    if (fault === 'lose answer') throw new TypeError('lost')
    return answer
  }

  private async answer(path: string, body: Record<string, unknown>): Promise<Response> {
    if (path === '/v1/sync/push') return this.push(String(body.device_id), body.mutations as Sent[])
    if (path === '/v1/sync/pull') return this.pull(body.cursor as string | null)
    if (path === '/v1/sync/repair') return this.repair(String(body.scope), body.prefixes as string[] | undefined, body.rows as Row[])
    if (path.startsWith('/v1/files/')) {
      this.files.push(path.slice('/v1/files/'.length))
      return new Response(null, { status: 201 })
    }
    return Response.json({ code: 'not_found', message: path }, { status: 404 })
  }

  private push(device: string, mutations: Sent[]): Response {
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
      this.applied.push(mutation)
      const receipt = { id: mutation.id, seq: mutation.seq, replayed: false, versions: {}, notices: [], ...this.verdict(mutation) }
      this.receipts.set(mutation.id, receipt)
      this.devices[device] = Math.max(this.devices[device] ?? 0, mutation.seq)
      return receipt
    })
    return Response.json({ results, last_seq: this.devices[device] ?? 0, server_time: new Date().toISOString() })
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
    return Response.json({ changes: [...puts, ...removes] })
  }

  private async pull(cursor: string | null): Promise<Response> {
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
      ...(complete ? { checkpoint: { scopes } } : {}),
      server_time: new Date().toISOString(),
    })
  }
}
