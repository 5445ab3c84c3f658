import type { ApprovalRule } from '../../domain/approval-rule.ts';
import type { Budget } from '../../domain/budget.ts';
import type { QuotaPolicy } from '../../domain/quota.ts';
import type { RetentionPolicy } from './maintenance.ts';

/** Null: as for every role. */
export interface RoleDefaults {
  readonly backend: string | null;
  readonly model: string | null;
  readonly fallback: readonly string[];
}

/** What the application reads of the configuration, already validated. */
export interface Settings {
  readonly defaultBackend: string;
  /** What agents get where the plan says nothing, by role. */
  readonly roles: ReadonlyMap<string, RoleDefaults>;
  readonly maxConcurrentAgents: {
    readonly machine: number;
    readonly session: number | null;
    readonly role: number | null;
  };
  readonly maxDepth: number;
  /** Caps for agents and sessions that bring none of their own. */
  readonly budgets: { readonly agent: Budget; readonly session: Budget };
  readonly quota: QuotaPolicy & {
    /** MAOS resumes a session that paused for quota when its time has come. */
    readonly autoResume: boolean;
    /** How long a CLI may try again by itself while its provider refuses it. Null: as long as it does. */
    readonly refusedMs: number | null;
  };
  readonly limits: {
    /** No output and no CPU for this long: stalled. Null: never. */
    readonly stallMs: number | null;
    /** Output of one agent, both streams together. */
    readonly maxOutputBytes: number | null;
    /** How long processes of an agent may remain after its result. Null: as long as its other limits let them. */
    readonly afterResultMs: number | null;
    /** How many sub-agents an agent's own CLI may start. Null: as many as it likes. */
    readonly maxSubagents: number | null;
  };
  readonly approvals: {
    readonly rules: readonly ApprovalRule[];
    /** How long a request of an agent waits for its answer. */
    readonly expireMs: number;
  };
  readonly retention: RetentionPolicy;
  readonly stopGraceMs: number;
  /** How long a change waits for other processes that write to the same database. */
  readonly storePatienceMs: number;
  /** Commands a client may have run over MCP or HTTP: exact lines, or patterns with `*`. */
  readonly allowCommands: readonly string[];
}
