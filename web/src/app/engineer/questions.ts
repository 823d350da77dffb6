import type { Attention, Mutation, Replica } from '@fieldwright/sync'
import { phone } from '../home.svelte'

/** Something for this person to look at: what they said, what is asked about it, or both, and its title. */
export interface Matter {
  id: string
  mutation: Mutation | undefined
  question: Attention | undefined
  title: string
}

const seenKey = (id: string): string => `seen:${id}`

/** Return what needs this person, oldest words first. What the phone and the office both speak of comes once. */
export async function mattersOf(replica: Replica): Promise<Matter[]> {
  const mutations = await replica.needingAPerson()
  const open = (await replica.all('attention')).filter((each) => each.state === 'open')
  const asked = new Map(open.flatMap((each) => (each.mutation_id ? [[each.mutation_id, each] as const] : [])))
  const said = new Set(mutations.map((each) => each.id))
  const matters: Matter[] = []
  for (const mutation of mutations) {
    const visit = 'visit_id' in mutation.args ? await replica.get('visit', mutation.args.visit_id) : undefined
    const order = await replica.get('work_order', 'order_id' in mutation.args ? mutation.args.order_id : visit?.order_id)
    matters.push({ id: mutation.id, mutation, question: asked.get(mutation.id), title: order?.title ?? visit?.no ?? '' })
  }
  for (const question of open.sort((a, b) => a.created_at.localeCompare(b.created_at))) {
    if (question.mutation_id && said.has(question.mutation_id)) continue
    if (await replica.store.drafts.get(seenKey(question.id))) continue
    const visit = question.entity === 'visit' ? await replica.get('visit', question.entity_id) : undefined
    const order = await replica.get('work_order', visit?.order_id ?? question.entity_id)
    matters.push({ id: question.id, mutation: undefined, question, title: order?.title ?? visit?.no ?? '' })
  }
  return matters
}

/** Whether both sides have a value of one field, and somebody must choose. */
export function isChoice(question: Attention | undefined): boolean {
  return question?.kind === 'conflict' && question.field !== null
}

/**
 * Put a matter away. That something was refused is settled by whoever said it; what the office looks into is only
 * put out of this person's sight.
 */
export async function putAway({ mutation, question }: Matter): Promise<void> {
  const { outbox, replica } = phone()
  if (mutation) await outbox.dismiss(mutation.id)
  if (!question) return
  if (question.kind === 'refused') await settle(question, 'office')
  else await replica.store.drafts.put({ id: seenKey(question.id), value: true })
}

export async function sayAgain(matter: Matter): Promise<void> {
  if (matter.mutation) await phone().retry(matter.mutation.id)
  if (matter.question?.kind === 'refused') await settle(matter.question, 'office')
}

export async function settle(question: Attention, keep: 'office' | 'phone'): Promise<void> {
  await phone().say({ type: 'attention.settle', args: { attention_id: question.id, keep } })
}

/** Whether all of a scope is here while the first download goes on. */
export async function hasCome(replica: Replica, scope: string): Promise<boolean> {
  const begun = (await replica.store.get('begun')) ?? []
  return begun.slice(0, -1).includes(scope)
}
