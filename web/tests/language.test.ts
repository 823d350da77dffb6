import { describe, expect, it } from 'vitest'
import en from '../src/app/words/en.json'
import zh from '../src/app/words/zh-CN.json'

const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!).sort()

describe('the catalogues', () => {
  it('have the same keys', () => {
    expect(Object.keys(zh)).toEqual(Object.keys(en))
  })

  it('have the same values to fill in', () => {
    for (const [key, text] of Object.entries(en)) expect([key, holes(zh[key as keyof typeof zh])]).toEqual([key, holes(text)])
  })
})
