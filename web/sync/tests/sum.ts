import { createHash } from 'node:crypto'

/** The server's own arithmetic, written apart from the client's so that they check each other. */
export async function sumOf(rows: { entity: string; id: string; version: number }[]): Promise<string> {
  let total = 0n
  for (const { entity, id, version } of rows) {
    total += createHash('sha256').update(`${entity}|${id}|${version}`).digest().readBigUInt64BE(0)
  }
  return (total & 0xffffffffffffffffn).toString(16).padStart(16, '0')
}
