import type { FailureCode, PastRepair } from '@fieldwright/sync'
import { say } from '../words.svelte'

/** Return how what failed, why, and what was done are called; a code that is not in the lists stands as it is. */
export function codedWords(codes: readonly FailureCode[], { failure_mode, cause, remedy }: Pick<PastRepair, 'failure_mode' | 'cause' | 'remedy'>): string[] {
  const said = [['mode', failure_mode], ['cause', cause], ['remedy', remedy]] as const
  return said.flatMap(([level, code]) => {
    if (!code) return []
    const known = codes.find((each) => each.level === level && each.code === code)
    return [known ? say(known.label) : code]
  })
}
