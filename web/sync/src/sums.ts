/** SHA-256 of short texts, here and at once: asking the browser for fifty thousand of them one by one takes seconds. */

const ROUNDS = new Uint32Array(64)
const START = new Uint32Array(8)

/** The constants are the first fractional bits of the roots of the first primes. */
function prepare(): void {
  const bits = (root: number): number => Math.floor((root - Math.floor(root)) * 2 ** 32)
  for (let candidate = 2, found = 0; found < 64; candidate += 1) {
    let prime = true
    for (let by = 2; by * by <= candidate; by += 1) if (candidate % by === 0) prime = false
    if (!prime) continue
    if (found < 8) START[found] = bits(Math.sqrt(candidate))
    ROUNDS[found++] = bits(Math.cbrt(candidate))
  }
}
prepare()

const words = new Uint32Array(64)
const state = new Uint32Array(8)

function mix(block: DataView, at: number): void {
  for (let i = 0; i < 16; i += 1) words[i] = block.getUint32(at + 4 * i)
  for (let i = 16; i < 64; i += 1) {
    const x = words[i - 15]!
    const y = words[i - 2]!
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    words[i] = words[i - 16]! + s0 + words[i - 7]! + s1
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
  for (let i = 0; i < 64; i += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[i]! + words[i]!) | 0
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  state.set([state[0]! + a, state[1]! + b, state[2]! + c, state[3]! + d, state[4]! + e, state[5]! + f, state[6]! + g, state[7]! + h])
}

const encoder = new TextEncoder()

/** Return the first 8 bytes of a text's SHA-256 as two numbers of 32 bits. */
export function headOf(text: string): [high: number, low: number] {
  const said = encoder.encode(text)
  const padded = new Uint8Array(((said.length + 72) >> 6) << 6)
  padded.set(said)
  padded[said.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(said.length / 2 ** 29))
  view.setUint32(padded.length - 4, said.length << 3)
  state.set(START)
  for (let at = 0; at < padded.length; at += 64) mix(view, at)
  return [state[0]!, state[1]!]
}
