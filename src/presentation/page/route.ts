/** What the part of the address after `#` shows. Every view has an address of its own. */

export const sessionTabs = ['graph', 'agents', 'timeline', 'events', 'messages', 'usage', 'landing'] as const;
export type SessionTab = (typeof sessionTabs)[number];

export const agentTabs = ['steps', 'task', 'stderr', 'files', 'diff', 'checks', 'attempts'] as const;
export type AgentTab = (typeof agentTabs)[number];

export type Route =
  | { readonly view: 'sessions' }
  | { readonly view: 'requests' }
  | { readonly view: 'new' }
  | { readonly view: 'session'; readonly id: string; readonly tab: SessionTab }
  | { readonly view: 'agent'; readonly id: string; readonly agent: string; readonly tab: AgentTab }
  | { readonly view: 'unknown' };

export function readRoute(hash: string): Route {
  const [first = '', id = '', third = '', ...rest] = hash
    .replace(/^#?\/?/, '')
    .split('/')
    .map(decoded);
  if (first === '' || (first === 'sessions' && id === '')) return { view: 'sessions' };
  if (first === 'requests' || first === 'new') return { view: first };
  if (first !== 'sessions' || !/^[A-Za-z0-9_]{1,128}$/.test(id)) return { view: 'unknown' };
  if (third === 'agents' && rest[0] !== undefined && rest[0] !== '') {
    const tab = agentTabs.find((name) => name === (rest[1] ?? 'steps'));
    return tab === undefined ? { view: 'unknown' } : { view: 'agent', id, agent: rest[0], tab };
  }
  const tab = sessionTabs.find((name) => name === (third || 'graph'));
  return tab === undefined ? { view: 'unknown' } : { view: 'session', id, tab };
}

export function sessionHref(id: string, tab: SessionTab = 'graph'): string {
  return `#/sessions/${id}${tab === 'graph' ? '' : `/${tab}`}`;
}

export function agentHref(id: string, agent: string, tab: AgentTab = 'steps'): string {
  return `#/sessions/${id}/agents/${encodeURIComponent(agent)}${tab === 'steps' ? '' : `/${tab}`}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
