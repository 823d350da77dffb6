export type Canonical = string | number | boolean | null | Canonical[] | { [key: string]: Canonical }

/**
 * Write a value as canonical JSON (RFC 8785), restricted to whole numbers.
 * Fractions are refused: two programs may print one differently, and the seal would break.
 */
export function canonicalJson(value: Canonical): string {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`Only whole numbers can be sealed, not ${value}.`)
    return String(value)
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Canonical)}`)
  return `{${members.join(',')}}`
}
