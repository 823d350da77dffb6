import { headOf } from './sums'

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

/** How many rows are summed at a time, so that the page stays awake. */
const ROWS_SUMMED = 5_000

/**
 * Return the checksum of a scope: a sum modulo 2^64, in which a double does not cancel itself out. A row's share
 * is the first 8 bytes of SHA-256 over entity|id|version.
 */
export async function checksum(rows: readonly Standing[]): Promise<string> {
  let [high, low] = [0, 0]
  for (const [place, { entity, id, version }] of rows.entries()) {
    const [above, below] = headOf(`${entity}|${id}|${version}`)
    low += below
    high = (high + above + (low >= 2 ** 32 ? 1 : 0)) % 2 ** 32
    low %= 2 ** 32
    if (place % ROWS_SUMMED === ROWS_SUMMED - 1) await new Promise((resolve) => setTimeout(resolve))
  }
  return [high, low].map((half) => half.toString(16).padStart(8, '0')).join('')
}
