import { words } from '../words.svelte'

/** What a part is called in the language of whoever reads. */
export function partName({ name, name_zh }: { name: string; name_zh?: string | null }): string {
  return (words.language === 'zh-CN' && name_zh) || name
}
