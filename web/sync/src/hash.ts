export class NoCryptography extends Error {
  constructor() {
    super('This page was not opened over a safe connection, so nothing can be sealed. Open it by https.')
    this.name = 'NoCryptography'
  }
}

async function digest(bytes: BufferSource): Promise<Uint8Array> {
  if (!globalThis.crypto?.subtle) throw new NoCryptography()
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export async function sha256Hex(content: string | ArrayBuffer): Promise<string> {
  return hex(await digest(typeof content === 'string' ? new TextEncoder().encode(content) : content))
}

export interface Standing {
  entity: string
  id: string
  version: number
}

/** Return a row's share of its scope's checksum: the first 8 bytes of SHA-256 over entity|id|version. */
export async function rowSum(row: Standing): Promise<bigint> {
  const bytes = await digest(new TextEncoder().encode(`${row.entity}|${row.id}|${row.version}`))
  return new DataView(bytes.buffer).getBigUint64(0)
}

/** Return the checksum of a scope: a sum modulo 2^64, in which a double does not cancel itself out. */
export async function checksum(rows: readonly Standing[]): Promise<string> {
  const sums = await Promise.all(rows.map(rowSum))
  return BigInt.asUintN(64, sums.reduce((total, sum) => total + sum, 0n)).toString(16).padStart(16, '0')
}
