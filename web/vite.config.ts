import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'
import { readFileSync } from 'node:fs'
import { icons } from './build/icons.ts'
import { serviceWorker } from './build/service-worker.ts'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
const BACKEND = process.env.FIELDWRIGHT_BACKEND ?? 'http://127.0.0.1:8000'

export default defineConfig({
  base: '/app/',
  define: { __APP_VERSION__: JSON.stringify(version) },
  plugins: [svelte(), icons(), serviceWorker()],
  // Small files stay files, so that a strict content policy without "data:" holds.
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { '/v1': BACKEND } },
})
