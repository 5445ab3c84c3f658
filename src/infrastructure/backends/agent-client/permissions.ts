import type { RequestPermissionOutcome, ToolKind } from '@agentclientprotocol/sdk';
import { listOf, textOf } from '../shared/json-values.ts';
import type { PermissionMode } from './bridge-options.ts';

/** The kinds of tools that a program may use when it may only edit files. */
const edits: ReadonlySet<string> = new Set<ToolKind>(['read', 'edit', 'move', 'search', 'think']);

export interface PermissionAnswer {
  readonly isGranted: boolean;
  readonly outcome: RequestPermissionOutcome;
}

/**
 * The response to `session/request_permission`, for this time only if the program offers that. A program that offers
 * neither to allow nor to reject asks something else; that request is cancelled.
 * @param kind the protocol's kind of the tool; empty if unknown
 */
export function answerPermission(mode: PermissionMode, kind: string, options: unknown): PermissionAnswer {
  const isAllowed = mode === 'allow' || (mode === 'acceptEdits' && edits.has(kind));
  const wanted = isAllowed ? ['allow_once', 'allow_always'] : ['reject_once', 'reject_always'];
  const offered = listOf(options);
  const option = wanted.map((word) => offered.find((one) => one.kind === word)).find(Boolean);
  if (option === undefined) return { isGranted: false, outcome: { outcome: 'cancelled' } };
  return { isGranted: isAllowed, outcome: { outcome: 'selected', optionId: textOf(option.optionId) } };
}
