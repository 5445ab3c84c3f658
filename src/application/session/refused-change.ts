import { isMaosError } from '../../domain/errors.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { AgentOutcome, AgentReport } from '../../domain/settle-agent.ts';
import { LeaseLost } from '../ports/ownership.ts';

/** The whole store, or the lease of the session, is at fault: every other change would fail as well. */
const troubleOfTheStore = [
  'STORE_BUSY',
  'STORE_CORRUPT',
  'FORBIDDEN',
  'RESOURCE_LIMIT_EXCEEDED',
  'SESSION_NOT_FOUND',
] as const;

/** The store works but would not take this change: a value of it is one that its columns cannot hold. */
export function isRefusal(error: unknown): boolean {
  return !(error instanceof LeaseLost) && !troubleOfTheStore.some((code) => isMaosError(error, code));
}

/**
 * The store refused a change. What of it could stand alone has been stored, what was at fault is left out, and the rest
 * is to be decided anew from what is stored.
 */
export class ChangeRefused extends Error {
  /** Agents that run and what could not be stored of them. */
  readonly unrecorded: ReadonlyMap<AgentId, string>;

  constructor(cause: unknown, unrecorded: ReadonlyMap<AgentId, string>) {
    super(`The store refused a change: ${reasonOf(cause)}`, { cause });
    this.name = 'ChangeRefused';
    this.unrecorded = unrecorded;
  }
}

/**
 * What is recorded instead of a report that the store refuses, the one that keeps most of it first. An agent that
 * completed has failed then, for what it used is not known any more; every other end stays what it was.
 */
export function insteadOf({ outcome }: AgentReport, refusal: unknown): readonly AgentReport[] {
  const result = outcome.state === 'completed' ? outcome.result : null;
  const refused = { kind: 'report_refused', message: refusedReport(refusal), stderrTail: '' } as const;
  const bare: AgentOutcome = { state: 'failed', failure: refused, result: null };
  const mostly = outcome.state === 'completed' ? { ...bare, result } : outcome;
  return [mostly, bare].map((instead) => ({ outcome: instead, usage: null, conversation: null }));
}

/** Why an agent fails whose report the store refuses, for people. */
export function refusedReport(refusal: unknown): string {
  return `Its report could not be stored: ${reasonOf(refusal)} Check its log, and retry it.`;
}

/** The innermost cause: the errors that wrap it are about the whole store. */
function reasonOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : {};
  const inner = cause instanceof Error ? cause : error;
  const said = inner instanceof Error ? inner.message : String(inner);
  return said.endsWith('.') ? said : `${said}.`;
}
