import type { Label, Language } from '@fieldwright/sync'
import { inLanguage } from '@fieldwright/sync'
import type en from './words/en.json'

export type Word = Exclude<keyof typeof en, `${string}#one` | `${string}#other`> | Stem<keyof typeof en>
type Stem<K> = K extends `${infer S}#other` ? S : never
type Catalogue = Record<string, string>
type Values = Record<string, string | number>

const LOADERS: Record<Language, () => Promise<{ default: Catalogue }>> = {
  en: () => import('./words/en.json'),
  'zh-CN': () => import('./words/zh-CN.json'),
}
const KEY = 'fieldwright.language'

export function spoken(): Language {
  const chosen = localStorage.getItem(KEY)
  if (chosen === 'en' || chosen === 'zh-CN') return chosen
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en'
}

export function hasChosen(): boolean {
  return localStorage.getItem(KEY) !== null
}

export const words = $state<{ language: Language }>({ language: spoken() })
let catalogue = $state.raw<Catalogue>({})

export async function speak(language: Language, chosen = false): Promise<void> {
  catalogue = (await LOADERS[language]()).default
  words.language = language
  document.documentElement.lang = language
  if (chosen) localStorage.setItem(KEY, language)
}

function phrase(from: Catalogue, language: Language, key: string, values: Values): string {
  let text = from[key]
  if (text === undefined && typeof values.n === 'number') {
    const form = new Intl.PluralRules(language).select(values.n) === 'one' ? 'one' : 'other'
    text = from[`${key}#${form}`] ?? from[`${key}#other`]
  }
  return (text ?? key).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
}

export function t(key: Word, values: Values = {}): string {
  return phrase(catalogue, words.language, key, values)
}

/** Speak to somebody else than the signed-in person: the customer reads in the customer's language. */
export async function speakerOf(language: Language): Promise<(key: Word, values?: Values) => string> {
  const other = (await LOADERS[language]()).default
  return (key, values = {}) => phrase(other, language, key, values)
}

export function say(label: Label | undefined): string {
  return inLanguage(label, words.language)
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(words.language, { maximumFractionDigits: digits }).format(value)
}

export function percent(share: number): string {
  return new Intl.NumberFormat(words.language, { style: 'percent', maximumFractionDigits: 0 }).format(share)
}

export function money(micro: number, currency: string): string {
  return new Intl.NumberFormat(words.language, { style: 'currency', currency, maximumFractionDigits: 0 }).format(micro / 1e6)
}
