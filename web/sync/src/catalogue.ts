import type { Part } from './documents'
import type { Store } from './store'

/** How many matches are looked at before the best of them are chosen. */
const MOST_SEEN = 300
const ID_LENGTH = 36

/** Return parts as lines to search in, each field between tabs so that a whole one can be told from a piece. */
export function linesOf(parts: readonly Part[]): string {
  return parts
    .map(({ id, sku, name, name_zh, codes }) => `\n${id}\t${[sku, name, name_zh, ...(codes ?? [])].join('\t')}\t`.toLowerCase())
    .join('')
}

/**
 * The search in a parts list that may be long: its words stand in one text, so that no keystroke reads the list itself.
 *
 * The text only grows until it is written anew, and says where to look; whether a part is there, and is as it was
 * sought, is asked of the documents.
 */
export class Catalogue {
  private text = ''
  private first: number | undefined
  private last = 0

  constructor(private readonly store: Store) {}

  /** Return the parts in which each word stands somewhere, the best first. */
  async find(words: string, most: number): Promise<Part[]> {
    const terms = words.trim().toLowerCase().split(/\s+/).filter(Boolean)
    if (terms.length === 0) return []
    const text = await this.read()
    return this.parts(matches(text, terms), (part) => terms.every((term) => linesOf([part]).includes(term, ID_LENGTH + 1)), most)
  }

  /** Return the part that bears exactly this code or number. */
  async withCode(code: string): Promise<Part | undefined> {
    const whole = `\t${code.trim().toLowerCase()}\t`
    const found = matches(await this.read(), [whole])
    return (await this.parts(found, (part) => part.sku === code.trim() || part.codes.includes(code.trim()), 1))[0]
  }

  private async parts(ids: readonly string[], wanted: (part: Part) => boolean, most: number): Promise<Part[]> {
    const found = new Map<string, Part>()
    for (let start = 0; start < ids.length && found.size < most; start += most) {
      const some = ids.slice(start, start + most).map((id): ['part', string] => ['part', id])
      for (const row of await this.store.docs.bulkGet(some)) {
        const part = row?.doc as Part | undefined
        if (part && found.size < most && wanted(part)) found.set(part.id, part)
      }
    }
    return [...found.values()]
  }

  /** Return the text, with what was written since it was read last. */
  private async read(): Promise<string> {
    const { lines } = this.store
    const first = (await lines.orderBy('no').first())?.no
    if (first !== this.first) {
      this.first = first
      this.last = 0
      this.text = ''
    }
    for (const { no = 0, text } of await lines.where('no').above(this.last).toArray()) {
      if (no <= this.last) continue
      this.text += text
      this.last = no
    }
    return this.text
  }
}

/** Return the ids of the lines that hold every term, the best matches first. */
function matches(text: string, terms: readonly string[]): string[] {
  const rarest = terms.toSorted((a, b) => b.length - a.length)[0]!
  const found = new Map<string, number>()
  for (let at = text.indexOf(rarest); at >= 0 && found.size < MOST_SEEN; ) {
    const start = text.lastIndexOf('\n', at) + 1
    const end = text.indexOf('\n', at)
    const line = text.slice(start + ID_LENGTH, end < 0 ? undefined : end)
    if (terms.every((term) => line.includes(term))) found.set(text.slice(start, start + ID_LENGTH), rank(line, terms))
    at = end < 0 ? -1 : text.indexOf(rarest, end)
  }
  return [...found].sort(([, a], [, b]) => a - b).map(([id]) => id)
}

/** Whole fields before those that begin with the word, and words that begin before those that hold it. */
function rank(line: string, terms: readonly string[]): number {
  return terms.reduce((sum, term) => {
    if (line.includes(`\t${term}\t`)) return sum
    if (line.includes(`\t${term}`)) return sum + 1
    return sum + (/[^\p{L}\p{N}]/u.test(line.charAt(line.indexOf(term) - 1)) ? 2 : 3)
  }, 0)
}
