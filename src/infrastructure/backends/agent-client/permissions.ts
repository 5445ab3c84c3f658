import type { RequestPermissionOutcome, ToolKind } from '@agentclientprotocol/sdk';
import { listOf, textOf } from '../shared/json-values.ts';
import type { PermissionMode } from './bridge-options.ts';

/** What a program may do that is allowed to edit files and nothing beyond. */
const edits: ReadonlySet<string> = new Set<ToolKind>(['read', 'edit', 'move', 'search', 'think']);

export interface PermissionAnswer {
  readonly isGranted: boolean;
  readonly outcome: RequestPermissionOutcome;
}

/**
 * The answer to `session/request_permission`: for this time only, where the program offers that. A program that offers
 * neither yes nor no asks something else, and is told that nobody answers.
 * @param kind what the tool does, in the protocol's words; empty where the program does not say
 */
export function answerPermission(mode: PermissionMode, kind: string, options: unknown): PermissionAnswer {
  const isAllowed = mode === 'allow' || (mode === 'acceptEdits' && edits.has(kind));
  const wanted = isAllowed ? ['allow_once', 'allow_always'] : ['reject_once', 'reject_always'];
  const offered = listOf(options);
  const option = wanted.map((word) => offered.find((one) => one.kind === word)).find(Boolean);
  if (option === undefined) return { isGranted: false, outcome: { outcome: 'cancelled' } };
  return { isGranted: isAllowed, outcome: { outcome: 'selected', optionId: textOf(option.optionId) } };
}
