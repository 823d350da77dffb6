import { t, type Word } from './words.svelte'

const NAMES: Record<string, Word> = {
  crane: 'skill.crane',
  electrical: 'skill.electrical',
  engine: 'skill.engine',
  hvac: 'skill.hvac',
  hydraulics: 'skill.hydraulics',
  structural: 'skill.structural',
}

/** Return what people call a skill; a company's own code is read as it is written. */
export function skillName(code: string): string {
  return code in NAMES ? t(NAMES[code]!) : code.replaceAll('_', ' ')
}
