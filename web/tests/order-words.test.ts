import type { WorkOrder } from '@fieldwright/sync'
import { beforeEach, describe, expect, it, vi } from 'vitest'

vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => undefined })
vi.stubGlobal('navigator', { language: 'en' })
vi.stubGlobal('document', { documentElement: {} })
const { promiseOf } = await import('../src/app/dispatch/order-words')
const { speak } = await import('../src/app/words.svelte')

const stretch = (state: string, since: string, until: string | null, reason: string | null = null) => ({ state, since, until, reason })

describe('a promise in words', () => {
  beforeEach(() => speak('en'))

  it('tells no stretch in which the clock ran for seconds, and every pause', () => {
    const segments = [
      stretch('running', '2026-11-30T07:47:02Z', '2026-11-30T07:47:40Z'),
      stretch('paused', '2026-11-30T07:47:40Z', '2026-11-30T07:47:55Z', 'customer'),
      stretch('running', '2026-11-30T07:47:55Z', '2026-11-30T08:00:00Z'),
    ]
    const order = { due_at: '2026-11-30T16:00:00Z', sla: { met_at: null, breached_at: null, segments } } as unknown as WorkOrder
    expect(promiseOf(order, 'UTC').slice(1)).toEqual(['Nov 30, 07:47: paused, waiting for the customer', 'Nov 30, 07:47 – 08:00: the clock ran'])
  })
})
