import type { Component } from 'svelte'
import type { Role } from '@fieldwright/sync'
import type { IconName } from './kit/shapes'
import type { Word } from './words.svelte'

type Loader = () => Promise<{ default: Component<{ id: string }> }>
type PlainLoader = () => Promise<{ default: Component<Record<string, never>> }>

/** A page without an id is handed an empty one, which it ignores. */
const plain = (load: PlainLoader): Loader => load as unknown as Loader

interface PageEntry {
  /** The first parts of the address; ":" stands for an id. */
  path: string[]
  role: Role
  load: Loader
}

interface Tab {
  href: string
  word: Word
  icon: IconName
}

export interface Desk {
  role: Role
  word: Word
  tabs: Tab[]
}

export const DESKS: Desk[] = [
  {
    role: 'technician',
    word: 'role.technician',
    tabs: [
      { href: '#/today', word: 'tab.today', icon: 'today' },
      { href: '#/pool', word: 'tab.pool', icon: 'pin' },
      { href: '#/van', word: 'tab.van', icon: 'van' },
      { href: '#/search', word: 'tab.search', icon: 'search' },
      { href: '#/attention', word: 'tab.attention', icon: 'attention' },
    ],
  },
  {
    role: 'dispatcher',
    word: 'role.dispatcher',
    tabs: [
      { href: '#/dispatch', word: 'tab.board', icon: 'board' },
      { href: '#/requests', word: 'tab.requests', icon: 'inbox' },
      { href: '#/rules', word: 'tab.rules', icon: 'tick' },
      { href: '#/territories', word: 'tab.territories', icon: 'pin' },
      { href: '#/conflicts', word: 'tab.conflicts', icon: 'attention' },
      { href: '#/devices', word: 'tab.devices', icon: 'phone' },
    ],
  },
  {
    role: 'storekeeper',
    word: 'role.storekeeper',
    tabs: [
      { href: '#/stock', word: 'tab.stock', icon: 'shelves' },
      { href: '#/slips', word: 'tab.slips', icon: 'slip' },
      { href: '#/discrepancies', word: 'tab.discrepancies', icon: 'attention' },
      { href: '#/moves', word: 'tab.moves', icon: 'moves' },
    ],
  },
  { role: 'manager', word: 'role.manager', tabs: [{ href: '#/figures', word: 'tab.figures', icon: 'figures' }] },
]

const PAGES: PageEntry[] = [
  { path: ['today'], role: 'technician', load: plain(() => import('./engineer/Today.svelte')) },
  { path: ['visit', ':', 'finish'], role: 'technician', load: () => import('./engineer/Finish.svelte') },
  { path: ['visit', ':'], role: 'technician', load: () => import('./engineer/VisitPage.svelte') },
  { path: ['pool'], role: 'technician', load: plain(() => import('./engineer/Pool.svelte')) },
  { path: ['van'], role: 'technician', load: plain(() => import('./engineer/Van.svelte')) },
  { path: ['receive'], role: 'technician', load: plain(() => import('./engineer/Receive.svelte')) },
  { path: ['search'], role: 'technician', load: plain(() => import('./engineer/Search.svelte')) },
  { path: ['attention'], role: 'technician', load: plain(() => import('./engineer/AttentionPage.svelte')) },
  { path: ['dispatch'], role: 'dispatcher', load: plain(() => import('./dispatch/BoardPage.svelte')) },
  { path: ['requests'], role: 'dispatcher', load: plain(() => import('./dispatch/Requests.svelte')) },
  { path: ['request', ':'], role: 'dispatcher', load: () => import('./dispatch/RequestPage.svelte') },
  { path: ['order', ':'], role: 'dispatcher', load: () => import('./dispatch/OrderPage.svelte') },
  { path: ['new-order'], role: 'dispatcher', load: plain(() => import('./dispatch/NewOrder.svelte')) },
  { path: ['rules'], role: 'dispatcher', load: plain(() => import('./dispatch/RulesPage.svelte')) },
  { path: ['territories'], role: 'dispatcher', load: plain(() => import('./dispatch/Territories.svelte')) },
  { path: ['conflicts'], role: 'dispatcher', load: plain(() => import('./dispatch/Conflicts.svelte')) },
  { path: ['devices'], role: 'dispatcher', load: plain(() => import('./dispatch/Devices.svelte')) },
  { path: ['stock'], role: 'storekeeper', load: plain(() => import('./stock/StockPage.svelte')) },
  { path: ['slips'], role: 'storekeeper', load: plain(() => import('./stock/Slips.svelte')) },
  { path: ['slip', ':'], role: 'storekeeper', load: () => import('./stock/SlipPage.svelte') },
  { path: ['discrepancies'], role: 'storekeeper', load: plain(() => import('./stock/Discrepancies.svelte')) },
  { path: ['moves'], role: 'storekeeper', load: plain(() => import('./stock/Moves.svelte')) },
  { path: ['figures'], role: 'manager', load: plain(() => import('./figures/FiguresPage.svelte')) },
]

/** An administrator sees every desk, but carries no phone. */
export function mayOpen(roles: readonly Role[], role: Role): boolean {
  return roles.includes(role) || (roles.includes('admin') && role !== 'technician')
}

export function pageAt(parts: readonly string[]): { page: PageEntry; id: string } | null {
  for (const page of PAGES) {
    if (page.path.length !== parts.length) continue
    if (!page.path.every((part, index) => part === ':' || part === parts[index])) continue
    const at = page.path.indexOf(':')
    return { page, id: at < 0 ? '' : parts[at]! }
  }
  return null
}
