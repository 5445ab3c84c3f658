import { isMaosError } from '../../domain/errors.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { AgentOutcome, AgentReport } from '../../domain/settle-agent.ts';
import { LeaseLost } from '../ports/ownership.ts';

/** Errors of the whole store or of the session's lease: every other change would fail as well. */
const troubleOfTheStore = [
  'STORE_BUSY',
  'STORE_CORRUPT',
  'FORBIDDEN',
  'RESOURCE_LIMIT_EXCEEDED',
  'SESSION_NOT_FOUND',
] as const;

/** Whether the store works but rejects this change, because its columns cannot hold a value. */
export function isRefusal(error: unknown): boolean {
  return !(error instanceof LeaseLost) && !troubleOfTheStore.some((code) => isMaosError(error, code));
}

/**
 * The store refused a change. The parts that could be stored separately have been stored, the faulty ones are left out,
 * and the remaining ones must be decided again from what is stored.
 */
export class ChangeRefused extends Error {
  /** Running agents whose reports could not be stored, with the reasons. */
  readonly unrecorded: ReadonlyMap<AgentId, string>;

  constructor(cause: unknown, unrecorded: ReadonlyMap<AgentId, string>) {
    super(`The store refused a change: ${reasonOf(cause)}`, { cause });
    this.name = 'ChangeRefused';
    this.unrecorded = unrecorded;
  }
}

/**
 * Replacements for a report that the store refuses, most complete first. An agent that completed counts as failed then,
 * because its usage is lost; any other outcome stays the same.
 */
export function insteadOf({ outcome }: AgentReport, refusal: unknown): readonly AgentReport[] {
  const result = outcome.state === 'completed' ? outcome.result : null;
  const refused = { kind: 'report_refused', message: refusedReport(refusal), stderrTail: '' } as const;
  const bare: AgentOutcome = { state: 'failed', failure: refused, result: null };
  const mostly = outcome.state === 'completed' ? { ...bare, result } : outcome;
  return [mostly, bare].map((instead) => ({ outcome: instead, usage: null, conversation: null }));
}

/** The failure of an agent whose report the store refuses, for people. */
export function refusedReport(refusal: unknown): string {
  return `Its report could not be stored: ${reasonOf(refusal)} Check its log, and retry it.`;
}

/** The innermost cause, because the errors around it are about the whole store. */
function reasonOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : {};
  const inner = cause instanceof Error ? cause : error;
  const said = inner instanceof Error ? inner.message : String(inner);
  return said.endsWith('.') ? said : `${said}.`;
}
