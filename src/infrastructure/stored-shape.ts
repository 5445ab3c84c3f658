import type { AgentRole, Lingering, PermissionDenials } from '../domain/agent.ts';
import type { BackendChoice } from '../domain/backend-choice.ts';
import type { Budget } from '../domain/budget.ts';
import type { Landing } from '../domain/session.ts';
import type { Usage } from '../domain/usage.ts';
import type { Proof, VerifyRules } from '../domain/verification.ts';
import type { AgentReference, AgentWork, RepositoryStart, WorktreeSetup } from '../domain/worktree.ts';

/** The form of a stored value: declared with its table, and validated in every file that becomes rows. */
export type Shape = (
  | ({ readonly type: 'text' } & TextForm)
  | { readonly type: 'time' }
  | { readonly type: 'choice'; readonly values: readonly string[] }
  | { readonly type: 'integer'; readonly min: number }
  | { readonly type: 'number' }
  | { readonly type: 'document'; readonly kind: keyof Documents }
  | { readonly type: 'json' }
  | RecordShape
) & {
  readonly nullable?: boolean;
  /** The value for files of earlier versions, which lack the field. */
  readonly missing?: unknown;
};

export interface RecordShape {
  readonly type: 'record';
  readonly members: Readonly<Record<string, Shape>>;
}

export interface TextForm {
  readonly allows?: (text: string) => boolean;
  /** The message for invalid text: "is not a session id". */
  readonly rule?: string;
}

/** Values stored as JSON in a column, by name. */
export interface Documents {
  readonly agentReference: AgentReference;
  readonly agentWork: AgentWork;
  readonly backendChoices: readonly BackendChoice[];
  readonly budget: Budget;
  readonly command: readonly string[] | string;
  readonly customRole: NonNullable<AgentRole['custom']>;
  readonly denials: PermissionDenials;
  readonly landing: Landing;
  readonly lingering: Lingering;
  readonly proof: Proof;
  readonly repositoryStart: RepositoryStart;
  readonly usage: Usage;
  readonly verifyRules: VerifyRules;
  readonly worktreeSetup: WorktreeSetup;
}
