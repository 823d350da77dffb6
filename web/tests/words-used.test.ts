import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import en from '../src/app/words/en.json'

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return sources(path)
    return /\.(svelte|ts)$/.test(entry.name) ? [readFileSync(path, 'utf8')] : []
  })
}

describe('every word in the catalogue', () => {
  const text = sources('src/app').join('\n')
  const stems = [...text.matchAll(/`([a-z_.]+\.)\$\{/g)].map((match) => match[1]!)

  it('is said somewhere', () => {
    const unused = [...new Set(Object.keys(en).map((key) => key.split('#')[0]!))].filter(
      (key) => !text.includes(`'${key}'`) && !stems.some((stem) => key.startsWith(stem)),
    )
    expect(unused).toEqual([])
  })
})
