import type { CheckEvidence } from '../../../application/evidence/evidence.ts';
import type { SessionSummary } from '../../../application/ports/session-summary.ts';
import type { Agent } from '../../../domain/agent.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import type { AgentId, InputRequestId, SessionId } from '../../../domain/ids.ts';
import type { Answer, InputRequest } from '../../../domain/input-request.ts';
import type { LandedWork } from '../../../domain/landing-outcome.ts';
import type { Message } from '../../../domain/message.ts';
import type { SessionAction } from '../../../domain/session.ts';
import type { Workflow } from '../../../domain/workflow.ts';

/** The state of the full screen view: what it knows, and what the user has chosen. */

export const tabs = ['output', 'graph', 'events', 'messages', 'requests', 'checks', 'diff'] as const;
export type Tab = (typeof tabs)[number];

/** Smaller terminals are refused. */
export const leastSize = { columns: 80, rows: 24 } as const;

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface ListedSession {
  /** Path of its project. */
  readonly project: string;
  readonly shortId: string;
  /** Whether an agent of it waits for an answer. */
  readonly asks: boolean;
  readonly summary: SessionSummary;
}

/** What is known of the chosen session. */
export interface SessionView {
  readonly workflow: Workflow;
  /** By agent id, as of {@link AgentActivities}. */
  readonly activities: ReadonlyMap<string, string>;
  readonly asks: ReadonlyMap<string, string>;
  /** The newest, in order. */
  readonly events: readonly RecordedEvent[];
  /** The newest, newest first. */
  readonly messages: readonly Message[];
  /** Open ones first, the longest waiting at the top; then the newest of the others. */
  readonly requests: readonly InputRequest[];
  readonly landed: readonly LandedWork[];
}

/** What is known of the chosen agent; null until it has been read. */
export interface AgentView {
  readonly id: AgentId;
  readonly output: readonly string[] | null;
  readonly checks: readonly CheckEvidence[] | null;
  /** As git prints it. */
  readonly diff: string | null;
}

/** What the update of the state wants done. */
export type Effect =
  | { readonly type: 'quit' }
  | { readonly type: 'suspend' }
  | { readonly type: 'mouse'; readonly on: boolean }
  | {
      readonly type: 'control';
      readonly id: SessionId;
      readonly action: SessionAction;
      readonly agentId: AgentId | null;
    }
  | { readonly type: 'land'; readonly id: SessionId }
  | {
      readonly type: 'answer';
      readonly id: SessionId;
      readonly request: InputRequestId;
      readonly answer: Answer;
    };

/** Asked before something is done. */
export interface Question {
  readonly title: string;
  /** What will happen. */
  readonly says: readonly string[];
  readonly effect: Effect;
}

/** What takes all keys until it is closed. */
export type Dialog =
  | { readonly type: 'help'; readonly top: number }
  | { readonly type: 'question'; readonly question: Question; readonly top: number }
  | { readonly type: 'filter'; readonly before: string }
  | { readonly type: 'answer'; readonly request: InputRequest; readonly text: string };

export type Focus = 'sessions' | 'agents' | 'pane';

export interface WatchState {
  readonly size: Size;
  /** Unix milliseconds. */
  readonly now: number;
  /** Whether the sessions of every project are shown. */
  readonly all: boolean;
  /** Null until they have been read. */
  readonly sessions: readonly ListedSession[] | null;
  readonly session: SessionView | null;
  readonly agent: AgentView | null;
  readonly sessionId: SessionId | null;
  readonly agentId: AgentId | null;
  readonly requestId: InputRequestId | null;
  readonly focus: Focus;
  readonly tab: Tab;
  /** The first line of the pane; null: where new lines appear. */
  readonly top: number | null;
  /** Shows only lines with this text, in either case. */
  readonly filters: Readonly<Record<Focus, string>>;
  readonly dialog: Dialog | null;
  /** The outcome of the last action, or why there was none. */
  readonly notice: { readonly text: string; readonly failed: boolean } | null;
  readonly mouse: boolean;
}

export function initialState(
  size: Size,
  now: number,
  chosen: { all: boolean; session: SessionId | null },
): WatchState {
  return {
    size,
    now,
    all: chosen.all,
    sessions: null,
    session: null,
    agent: null,
    sessionId: chosen.session,
    agentId: null,
    requestId: null,
    focus: chosen.session === null ? 'sessions' : 'agents',
    tab: 'output',
    top: null,
    filters: { sessions: '', agents: '', pane: '' },
    dialog: null,
    notice: null,
    mouse: true,
  };
}

/** What is known of the chosen session; null while it is being read. */
export function chosenSession({ session, sessionId }: WatchState): SessionView | null {
  return session !== null && session.workflow.session.id === sessionId ? session : null;
}

/** Without a choice, the first agent. */
export function chosenAgent(state: WatchState): Agent | null {
  const agents = chosenSession(state)?.workflow.agents ?? [];
  return agents.find(({ id }) => id === state.agentId) ?? agents[0] ?? null;
}

export function openRequests(state: WatchState): readonly InputRequest[] {
  return chosenSession(state)?.requests.filter((request) => request.state === 'open') ?? [];
}

/** The chosen request; without a choice the one of the chosen agent, or the first that is open. */
export function chosenRequest(state: WatchState): InputRequest | null {
  const requests = chosenSession(state)?.requests ?? [];
  const open = openRequests(state);
  const chosen = requests.find(({ id }) => id === state.requestId);
  if (state.tab === 'requests' && chosen !== undefined) return chosen;
  const agent = chosenAgent(state);
  return open.find(({ agentId }) => agentId === agent?.id) ?? open[0] ?? null;
}

export function isTooSmall({ columns, rows }: Size): boolean {
  return columns < leastSize.columns || rows < leastSize.rows;
}
