import { batch, computed, signal } from '@preact/signals';
import {
  type AgentRequest,
  ApiError,
  get,
  type Overview,
  type Session,
  type SessionPage,
  type Status,
  sessionPath,
  signedOut,
} from '../api.ts';
import { readRoute, type SessionTab } from '../route.ts';
import { plain } from '../text/clean.ts';
import { applyEvent } from './apply-event.ts';
import { sharedWith } from './shared.ts';
import { closeStream, listen, openStream } from './stream.ts';
import { Throttle } from './throttle.ts';

/** What all views share: this MAOS, its sessions, the open requests, and the session that is looked at. */

export interface Loaded<T> {
  readonly value: T | null;
  readonly error: string | null;
}
const nothing = { value: null, error: null };

export const isSignedOut = signal(false);
export const route = signal(readRoute(location.hash));
export const now = signal(Date.now());
export const overview = signal<Overview | null>(null);

export interface Filter {
  readonly text: string;
  readonly state: string;
  readonly project: string;
}
export const filter = signal<Filter>({ text: '', state: '', project: '' });
export const sessions = signal<Loaded<readonly Session[]>>(nothing);
export const nextSessions = signal<string | null>(null);
export const openRequests = signal<Loaded<readonly AgentRequest[]>>(nothing);
export const detail = signal<Loaded<Status> & { readonly id: string | null }>({ id: null, ...nothing });

const narrow = matchMedia('(max-width: 899px)');
/** Whether the list of sessions stands alone, as in layout.css. */
export const isNarrow = signal(narrow.matches);

/** The view of the session that was looked at before one of its agents, which it returns to. */
export const sessionTab = signal<SessionTab>('graph');

/** The id of the session that is looked at. */
export const openId = computed(() => ('id' in route.value ? route.value.id : null));

export function labelOf(project: string | undefined): string {
  if (project === undefined) return '';
  return plain(overview.value?.projects.find(({ path }) => path === project)?.label ?? project);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const listing = new Throttle(1_500, async () => {
  const wanted = filter.value;
  const { text, state, project } = wanted;
  const shown = sessions.value.value?.length ?? 0;
  const limit = Math.min(200, Math.max(50, shown));
  try {
    const page = await get<SessionPage>('/api/sessions', { q: text, state, project, limit });
    if (filter.value !== wanted) return;
    batch(() => {
      const last = page.sessions.at(-1)?.session_id ?? '';
      // Those of later pages stay as they were shown last.
      const later =
        page.next === null ? [] : (sessions.value.value ?? []).filter((one) => one.session_id < last);
      sessions.value = { value: [...page.sessions, ...later], error: null };
      if (later.length === 0) nextSessions.value = page.next;
    });
  } catch (error) {
    sessions.value = { value: sessions.value.value, error: messageOf(error) };
  }
});

export async function loadMoreSessions(): Promise<void> {
  const { text, state, project } = filter.value;
  const page = await get<SessionPage>('/api/sessions', {
    q: text,
    state,
    project,
    cursor: nextSessions.value,
  });
  batch(() => {
    sessions.value = { value: [...(sessions.value.value ?? []), ...page.sessions], error: null };
    nextSessions.value = page.next;
  });
}

export function setFilter(change: Partial<Filter>): void {
  batch(() => {
    filter.value = { ...filter.value, ...change };
    sessions.value = nothing;
    nextSessions.value = null;
  });
  listing.ask();
}

const requesting = new Throttle(500, async () => {
  try {
    const page = await get<{ requests: readonly AgentRequest[] }>('/api/requests', {
      all: 'true',
      limit: 200,
    });
    // Who has waited longest is first.
    openRequests.value = { value: page.requests.toReversed(), error: null };
  } catch (error) {
    openRequests.value = { value: openRequests.value.value, error: messageOf(error) };
  }
});

const surveying = new Throttle(5_000, async () => {
  try {
    overview.value = await get<Overview>('/api/overview');
  } catch {
    // The lists and the stream say what is wrong.
  }
});

const detailing = new Throttle(1_000, async () => {
  const id = openId.value;
  if (id === null) return;
  try {
    const value = await get<Status>(sessionPath(id));
    if (openId.value !== id) return;
    // Never go back behind the events that are shown already.
    const isOlder = detail.value.id === id && (value.last_seq ?? 0) < (detail.value.value?.last_seq ?? 0);
    if (isOlder) detailing.ask();
    else detail.value = { id, value: sharedWith(detail.value.value, value), error: null };
  } catch (error) {
    if (openId.value !== id) return;
    const isGone = error instanceof ApiError && error.status === 404;
    detail.value = { id, value: isGone ? null : detail.value.value, error: messageOf(error) };
  }
});

export function refreshSession(): void {
  detailing.ask();
  listing.ask();
}
export const refreshRequests = (): void => requesting.ask();

function onRoute(): void {
  const before = openId.value;
  batch(() => {
    route.value = readRoute(location.hash);
    if (route.value.view === 'session') sessionTab.value = route.value.tab;
    if (openId.value !== before) detail.value = { id: openId.value, ...nothing };
  });
  if (openId.value !== null && openId.value !== before) detailing.ask();
}

/** Events that change nothing in a list. */
const isQuiet = (type: string): boolean =>
  ['agent.progressed', 'agent.waiting', 'artifact.recorded', 'checkpoint.written'].includes(type) ||
  type.startsWith('message.');

export function startStore(): void {
  signedOut.tell = () => {
    isSignedOut.value = true;
    closeStream();
  };
  addEventListener('hashchange', onRoute);
  narrow.addEventListener('change', () => {
    isNarrow.value = narrow.matches;
  });
  setInterval(() => {
    now.value = Date.now();
  }, 1_000);
  listen({
    snapshot() {
      surveying.ask();
      listing.ask();
      requesting.ask();
      if (openId.value !== null) detailing.ask();
    },
    events(events) {
      if (events.some(({ type }) => !isQuiet(type))) listing.ask();
      if (events.some(({ type }) => type.startsWith('request.'))) requesting.ask();
      if (events.some(({ type }) => type === 'session.created')) surveying.ask();
      const { value } = detail.value;
      if (value === null) return;
      const changed = events.reduce(applyEvent, value);
      if (changed === value) return;
      detail.value = { ...detail.value, value: changed };
      detailing.ask();
    },
  });
  openStream();
  surveying.ask();
  listing.ask();
  requesting.ask();
  if (route.value.view === 'session') sessionTab.value = route.value.tab;
  if (openId.value !== null) {
    detail.value = { id: openId.value, ...nothing };
    detailing.ask();
  }
}
