import type { MutationArgs, Outcome, Replica } from '@fieldwright/sync'

/** A part that the completion itself will name. */
export type UsedNow = NonNullable<MutationArgs['visit.complete']['parts']>[number]

/** The finish form as far as it is filled in. */
export interface FinishDraft {
  outcome: Outcome | null
  reason: string
  findings: string
  mode: string
  cause: string
  remedy: string
  noParts: boolean
  parts: UsedNow[]
  name: string
  relation: string
}

export const BLANK: FinishDraft = {
  outcome: null,
  reason: '',
  findings: '',
  mode: '',
  cause: '',
  remedy: '',
  noParts: false,
  parts: [],
  name: '',
  relation: '',
}

const keyOf = (visitId: string): string => `finish:${visitId}`

export async function draftOf({ store }: Replica, visitId: string): Promise<FinishDraft> {
  const kept = (await store.drafts.get(keyOf(visitId)))?.value as Partial<FinishDraft> | undefined
  return { ...BLANK, ...kept }
}

export async function keepDraft({ store }: Replica, visitId: string, value: FinishDraft): Promise<void> {
  await store.drafts.put({ id: keyOf(visitId), value })
}

export async function dropDraft({ store }: Replica, visitId: string): Promise<void> {
  await store.drafts.delete(keyOf(visitId))
}
