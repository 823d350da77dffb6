import { deflateSync } from 'node:zlib'
import type { Plugin } from 'vite'

type Colour = readonly [number, number, number]

const GROUND: Colour = [15, 98, 86]
const NUT: Colour = [244, 247, 243]
const TICK: Colour = [240, 180, 64]

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c >>> 0
})

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff
  for (const byte of bytes) c = CRC[(c ^ byte) & 255]! ^ (c >>> 8)
  return (c ^ 0xffffffff) >>> 0
}

function chunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'ascii'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}

function png(size: number, pixels: Uint8Array): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(size, 0)
  header.writeUInt32BE(size, 4)
  header.set([8, 6, 0, 0, 0], 8)
  const rows = Buffer.alloc(size * (size * 4 + 1))
  for (let y = 0; y < size; y++) rows.set(pixels.subarray(y * size * 4, (y + 1) * size * 4), y * (size * 4 + 1) + 1)
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', new Uint8Array()),
  ])
}

/** Signed distance to a rounded square, a hexagon and a line: negative is inside. */
function square(x: number, y: number, half: number, radius: number): number {
  const dx = Math.max(Math.abs(x) - half + radius, 0)
  const dy = Math.max(Math.abs(y) - half + radius, 0)
  return Math.hypot(dx, dy) - radius
}

function hexagon(x: number, y: number, inner: number): number {
  const ax = Math.abs(x)
  const ay = Math.abs(y)
  return Math.max(ax * 0.5 + ay * Math.sqrt(0.75), ax) - inner
}

function line(x: number, y: number, from: readonly [number, number], to: readonly [number, number]): number {
  const dx = to[0] - from[0]
  const dy = to[1] - from[1]
  const along = Math.min(1, Math.max(0, ((x - from[0]) * dx + (y - from[1]) * dy) / (dx * dx + dy * dy)))
  return Math.hypot(x - from[0] - along * dx, y - from[1] - along * dy)
}

/** Draw a hexagon nut with a tick in it. Inside a mask the ground fills the square and the nut is smaller. */
function draw(size: number, mask: boolean): Buffer {
  const pixels = new Uint8Array(size * size * 4)
  const scale = mask ? 0.78 : 1
  const cover = (distance: number): number => Math.min(1, Math.max(0, 0.5 - (distance * size) / 2))
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const gx = ((column + 0.5) / size) * 2 - 1
      const gy = ((row + 0.5) / size) * 2 - 1
      const x = gx / scale
      const y = gy / scale
      const ring = Math.max(hexagon(y, x, 0.68) - 0.02, 0.42 - Math.hypot(x, y))
      const tick = Math.min(line(x, y, [-0.2, 0.02], [-0.05, 0.17]), line(x, y, [-0.05, 0.17], [0.22, -0.16])) - 0.07
      let colour: [number, number, number] = [...GROUND]
      for (const [layer, distance] of [[NUT, ring], [TICK, tick]] as const) {
        const share = cover(distance * scale)
        colour = colour.map((c, i) => c + (layer[i]! - c) * share) as [number, number, number]
      }
      const alpha = mask ? 1 : cover(square(gx, gy, 1, 0.42))
      pixels.set([...colour.map(Math.round), Math.round(alpha * 255)], (row * size + column) * 4)
    }
  }
  return png(size, pixels)
}

export const ICONS = {
  'icons/icon-192.png': (): Buffer => draw(192, false),
  'icons/icon-512.png': (): Buffer => draw(512, false),
  'icons/mask-192.png': (): Buffer => draw(192, true),
  'icons/mask-512.png': (): Buffer => draw(512, true),
} as const

/** Emit the application's icons as PNG files. */
export function icons(): Plugin {
  return {
    name: 'fieldwright-icons',
    apply: 'build',
    generateBundle() {
      for (const [fileName, make] of Object.entries(ICONS)) this.emitFile({ type: 'asset', fileName, source: make() })
    },
  }
}
