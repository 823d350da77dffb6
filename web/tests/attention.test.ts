import { beforeEach, describe, expect, it, vi } from 'vitest'

vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => undefined })
vi.stubGlobal('navigator', { language: 'en' })
vi.stubGlobal('document', { documentElement: {} })
const { inWords, plain, sayingName, whyRefused } = await import('../src/app/attention')
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

  it('says codes and moments in words', async () => {
    await speak('en')
    const said = { value: { visit_id: 'x', reason: 'parts', text: 'Hose', since: '2026-11-30T08:00:04.980337Z' } }
    expect(plain(said, 'Asia/Shanghai')).toBe('waiting for parts\nHose\nNov 30, 16:00')
    expect(plain({ value: { reported: 'visit.hold', by: 'Ann' } })).toBe('Work on hold\nAnn')
    expect([sayingName('visit.hold'), sayingName('visit.unheard')]).toEqual(['Work on hold', 'visit.unheard'])
  })
})
