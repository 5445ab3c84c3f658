import type { evidenceView } from '../contracts/evidence-view.ts';
import type { messageView } from '../contracts/message-view.ts';
import type { requestView } from '../contracts/request-view.ts';
import type { statusView } from '../contracts/status-view.ts';
import type { AgentView, eventView, SessionView } from '../contracts/views.ts';

/** What the page gets from `/api`. */

type Project = { readonly project?: string };

export type Session = SessionView & Project;
export type Status = ReturnType<typeof statusView> & Project & { readonly last_seq?: number };
export type Agent = AgentView;

export type AgentRequest = ReturnType<typeof requestView> & Project;
export type SessionEvent = Omit<ReturnType<typeof eventView>, 'data'> &
  Project & { readonly data: Readonly<Record<string, unknown>>; readonly text?: string };
export type Message = ReturnType<typeof messageView>;
export type Evidence = ReturnType<typeof evidenceView>;

export interface Overview {
  readonly version: string;
  readonly user: string;
  readonly host: string;
  readonly project: string;
  readonly projects: readonly { readonly path: string; readonly label: string; readonly problem?: string }[];
  readonly open_requests: number;
  readonly settings: { readonly default_backend: string; readonly allow_commands: readonly string[] };
}

export interface SessionPage {
  readonly sessions: readonly Session[];
  readonly next: string | null;
}

export interface Snapshot {
  readonly position: string;
  readonly sessions: readonly Session[];
}

/** What a form for a team offers. */
export interface Choices {
  readonly roles: readonly {
    readonly name: string;
    readonly title?: string;
    readonly description?: string;
  }[];
  readonly backends: readonly { readonly name: string }[];
}

/** What is wrong with a plan, and where in its text. */
export interface PlanFault {
  readonly message: string;
  /** From 1, both. */
  readonly line: number;
  readonly column: number;
}

/** An answer that is not of the kind 2xx, or none at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** 0: the server could not be reached. */
  readonly status: number;
  readonly faults: readonly PlanFault[];

  constructor(status: number, message: string, faults: readonly PlanFault[] = []) {
    super(message);
    this.status = status;
    this.faults = faults;
  }
}

/** Called when the server says that this browser is not signed in any more. */
export const signedOut = { tell: (): void => {} };

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, credentials: 'same-origin', redirect: 'error' });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, 'MAOS cannot be reached. Is its server still running?');
  }
  if (response.status === 401) signedOut.tell();
  const text = await response.text();
  let body: unknown = null;
  try {
    body = text === '' ? null : JSON.parse(text);
  } catch {
    // A proxy may answer with something else.
  }
  if (!response.ok)
    throw new ApiError(
      response.status,
      messageOf(body) ?? `The server answered ${response.status}.`,
      faultsOf(body),
    );
  return body as T;
}

function faultsOf(body: unknown): readonly PlanFault[] {
  if (typeof body !== 'object' || body === null || !('faults' in body)) return [];
  return Array.isArray(body.faults) ? body.faults : [];
}

function messageOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return null;
  return 'message' in body && typeof body.message === 'string' ? body.message : null;
}

export function get<T>(path: string, query: Query = {}, signal: AbortSignal | null = null): Promise<T> {
  return ask(`${path}${queryText(query)}`, { signal });
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return ask(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

export type Query = Readonly<Record<string, string | number | null | undefined>>;

function queryText(query: Query): string {
  const given = Object.entries(query).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  );
  if (given.length === 0) return '';
  return `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`;
}

export function sessionPath(id: string, ...rest: readonly string[]): string {
  return ['/api/sessions', id, ...rest.map(encodeURIComponent)].join('/');
}
