import { beforeEach, describe, expect, it, vi } from 'vitest'

vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => undefined })
vi.stubGlobal('navigator', { language: 'en' })
vi.stubGlobal('document', { documentElement: {} })
const { inWords, whyRefused } = await import('../src/app/attention')
const { skillName } = await import('../src/app/skills')
const { speak } = await import('../src/app/words.svelte')

const messages = { en: 'Somebody else has this visit.', 'zh-CN': '此任务已由他人领取。' }

describe('what the server wrote down', () => {
  beforeEach(() => speak('zh-CN'))

  it('is read in the language of the phone, and in the server\'s where it has no other', async () => {
    expect(inWords({ message: messages.en, messages })).toBe('此任务已由他人领取。')
    expect(inWords({ message: 'Said long ago.' })).toBe('Said long ago.')
    expect(whyRefused({ code: 'taken', message: messages.en, messages })).toBe('此任务已由他人领取。')
    await speak('en')
    expect(inWords({ message: messages['zh-CN'], messages })).toBe('Somebody else has this visit.')
  })

  it('names the skills that are missing', () => {
    const error = { code: 'skill_missing', message: 'x', details: { skills: 'hydraulics, drone_pilot' } }
    expect(whyRefused(error)).toBe('需要 液压, drone pilot，您没有该技能')
    expect(skillName('hvac')).toBe('空调')
  })
})
