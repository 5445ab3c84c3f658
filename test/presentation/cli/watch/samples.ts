import type { Agent } from '../../../../src/domain/agent.ts';
import { makeInputRequestId, makeSessionId, type SessionId } from '../../../../src/domain/ids.ts';
import type { InputRequest } from '../../../../src/domain/input-request.ts';
import { progressOf } from '../../../../src/domain/orchestration.ts';
import type { Session } from '../../../../src/domain/session.ts';
import { plainPaint } from '../../../../src/presentation/cli/shell/terminal.ts';
import type { Input } from '../../../../src/presentation/cli/watch/keys.ts';
import {
  type Effect,
  initialState,
  type ListedSession,
  type SessionView,
  type Size,
  type WatchState,
} from '../../../../src/presentation/cli/watch/state.ts';
import { update } from '../../../../src/presentation/cli/watch/update.ts';
import { renderWatch } from '../../../../src/presentation/cli/watch/view.ts';
import { agent, ms, sessionId, time, workflow } from '../samples.ts';

export const small: Size = { columns: 80, rows: 24 };
export const large: Size = { columns: 200, rows: 50 };

export function sessionView(
  agents: readonly Agent[],
  given: Partial<Session> = {},
  more: Partial<SessionView> = {},
): SessionView {
  return {
    workflow: workflow(agents, given),
    activities: new Map(),
    asks: new Map(),
    events: [],
    messages: [],
    requests: [],
    landed: [],
    ...more,
  };
}

export function listed(
  { workflow: { session, agents } }: SessionView,
  given: Partial<Session> = {},
): ListedSession {
  return {
    project: '/home/ann/shop',
    asks: false,
    shortId: (given.id ?? session.id).slice(-6),
    summary: { session: { ...session, ...given }, progress: progressOf(agents), usage: null },
  };
}

export function otherId(last: string): SessionId {
  return makeSessionId(`01K0ABCDEFGHJKMNPQRSTVWX${last}`);
}

export function permission(of: Agent, given: Partial<InputRequest> = {}): InputRequest {
  return {
    id: makeInputRequestId('01K0ABCDEFGHJKMNPQRSTVWXY1'),
    sessionId,
    agentId: of.id,
    attempt: 1,
    key: 'k',
    kind: 'permission',
    tool: 'Bash',
    action: 'git push origin main',
    reason: null,
    choices: [],
    expiresAt: time(1_800),
    state: 'open',
    askedAt: time(2),
    closedAt: null,
    answer: null,
    answeredBy: null,
    ...given,
  };
}

/** A view whose user presses keys. */
export class Watched {
  state: WatchState;
  readonly effects: Effect[] = [];

  constructor(view: SessionView | null, size: Size = small, sessions: readonly ListedSession[] = []) {
    this.state = initialState(size, ms(10), { all: false, session: null });
    this.tell({
      type: 'sessions',
      sessions: sessions.length > 0 || view === null ? sessions : [listed(view)],
    });
    if (view !== null) this.tell({ type: 'session', session: view });
  }

  tell(event: Parameters<typeof update>[1]): this {
    const { state, effects } = update(this.state, event);
    this.state = state;
    this.effects.push(...effects);
    return this;
  }

  input(input: Input): this {
    return this.tell({ type: 'input', input });
  }

  /** Names of keys; a longer word that names none is typed. */
  press(...names: readonly string[]): this {
    for (const name of names) this.input({ type: 'key', name });
    return this;
  }

  type(text: string): this {
    return this.press(...text);
  }

  get rows(): string[] {
    return renderWatch(this.state, plainPaint);
  }

  get text(): string {
    return this.rows.map((row) => row.trimEnd()).join('\n');
  }
}

export const team = [
  agent('spec', { state: 'completed', endedAt: time(5), result: 'Specified.' }),
  agent('build', { phase: 1 }),
  agent('review', { phase: 2, state: 'pending', attempt: 0, startedAt: null, stage: null }),
].map((one, index, all) => ({ ...one, dependsOn: all.slice(index - 1, index).map(({ id }) => id) }));
