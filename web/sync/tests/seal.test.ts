import { describe, expect, it } from 'vitest'
import { canonicalJson, checksum, inLanguage, manifestOf, sealOf, sha256Hex } from '../src'
import { makeOrder, makeVisit } from './make'

describe('canonical JSON', () => {
  it('sorts keys by code unit, at every depth, without spaces', () => {
    expect(canonicalJson({ b: [1, { d: null, c: true }], a: 'é"\n' })).toBe('{"a":"é\\"\\n","b":[1,{"c":true,"d":null}]}')
  })

  it('refuses fractions', () => {
    expect(() => canonicalJson({ a: 1.5 })).toThrow(RangeError)
  })
})

describe('checksums', () => {
  it('are sums, so that the order does not matter and a double does not cancel', async () => {
    const a = { entity: 'visit', id: '1', version: 1 }
    const b = { entity: 'visit', id: '2', version: 7 }
    expect(await checksum([a, b])).toBe(await checksum([b, a]))
    expect(await checksum([a, a])).not.toBe(await checksum([]))
  })

  it('take the first eight bytes of the hash of entity, id and version', async () => {
    expect(await checksum([{ entity: 'visit', id: '1', version: 1 }])).toBe((await sha256Hex('visit|1|1')).slice(0, 16))
  })
})

describe('a manifest', () => {
  const order = makeOrder({
    checklist: [
      { key: 'p', label: { en: 'Pressure', 'zh-CN': '压力' }, kind: 'number', unit: 'bar', required: true },
      { key: 'ok', label: { en: 'Runs' }, kind: 'check', required: true },
    ],
  })
  const manifest = manifestOf({
    organisation: 'North Lifts',
    language: 'zh-CN',
    order,
    visit: makeVisit({ answers: { p: 2.5, ok: true } }),
    asset: undefined,
    technician: 'Ann',
    outcome: 'completed',
    findings: 'Replaced the pump',
    failureMode: null,
    cause: null,
    remedy: null,
    fault: 'Leaks',
    used: [],
    photos: [],
    completedAt: '2026-03-02T08:57:30Z',
    statement: 'Yes',
  })

  it('holds readings with a fraction as they were written, with their unit', () => {
    expect(manifest.checklist).toEqual([
      { key: 'p', label: '压力 (bar)', value: '2.5' },
      { key: 'ok', label: 'Runs', value: true },
    ])
  })

  it('has one seal, which changes with any value', async () => {
    expect(await sealOf(manifest)).toBe(await sealOf({ ...manifest }))
    expect(await sealOf({ ...manifest, findings: 'Nothing' })).not.toBe(await sealOf(manifest))
  })

  it('speaks another language rather than none', () => {
    expect(inLanguage({ en: 'Pump' }, 'zh-CN')).toBe('Pump')
  })
})
