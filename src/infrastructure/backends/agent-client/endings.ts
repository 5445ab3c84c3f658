import type { FailureKind } from '../../../domain/agent.ts';
import { shorten } from '../../../domain/cut-text.ts';
import { kindOfStatus } from '../shared/provider-status.ts';
import type { RequestFailed } from './connection.ts';
import type { BridgeEnd } from './journal.ts';

const maxMessage = 4_000;
/** The protocol's error code for a missing sign-in. */
export const signInNeeded = -32_000;

/** The conversation is not possible, or not in the requested form. */
export class Refusal extends Error {
  readonly end: BridgeEnd;

  /** @param gone the conversation to resume does not exist */
  constructor(kind: FailureKind | null, message: string, gone?: 'gone') {
    super(message);
    const end = failedEnd(kind, message);
    this.end = gone === undefined ? end : { ...end, isConversationGone: true };
  }
}

export function failedEnd(
  kind: FailureKind | null,
  message: string,
  stopReason: string | null = null,
): BridgeEnd {
  return { type: 'end', ok: false, stopReason, kind, message: shorten(message.toWellFormed(), maxMessage) };
}

/** What happened in a turn before it ended. */
export interface TurnFacts {
  /** Whether the model has responded at all. */
  readonly hasWorked: boolean;
  /** The last refused tool, if no message followed; null: none. */
  readonly refused: string | null;
}

/** @param stopReason of the protocol */
export function endOfTurn(name: string, stopReason: string, { hasWorked, refused }: TurnFacts): BridgeEnd {
  const failed = (kind: FailureKind | null, message: string) => failedEnd(kind, message, stopReason);
  if (refused !== null && (stopReason === 'end_turn' || stopReason === 'cancelled')) {
    return failed(
      null,
      `${name} ended its turn when it was refused a permission (${refused}). Approve it when it asks, or grant it with backends.agentClient.${name}.permissionMode or in the program's own settings.`,
    );
  }
  switch (stopReason) {
    case 'end_turn':
      if (hasWorked) return { type: 'end', ok: true, stopReason, kind: null, message: '' };
      return failed(
        null,
        `${name} ended its turn without any text or tool call. Its stderr may say why; try the program by itself.`,
      );
    case 'max_tokens':
      return failed('context_exceeded', `${name} reached the largest number of tokens it may use.`);
    case 'max_turn_requests':
      return failed(
        'budget_exceeded',
        `${name} reached the largest number of requests it may make in a turn.`,
      );
    case 'refusal':
      return failed('refused', `${name} refused the task.`);
    case 'cancelled':
      return failed('signal', `${name} was cancelled before it finished.`);
    default:
      return failed(null, `${name} stopped for the reason "${stopReason}", which MAOS does not know.`);
  }
}

/** The outcome of a request that failed, with the message of the program or its provider. */
export function endOfError(name: string, error: RequestFailed): BridgeEnd {
  const data = error.data === undefined || error.data === null ? '' : ` ${textOfData(error.data)}`;
  const said = `${error.message}${data}`;
  return failedEnd(kindOf(error, said), `${name}: ${said}`);
}

function textOfData(data: unknown): string {
  return typeof data === 'string' ? data : (JSON.stringify(data) ?? '');
}

/** Programs pass on their providers' errors in different fields, but providers use similar words. */
const kinds: readonly (readonly [FailureKind, RegExp])[] = [
  ['rate_limited', /rate.?limit|too many requests|quota|overloaded|resource_exhausted/i],
  [
    'auth_required',
    /unauthori[sz]ed|unauthenticated|(invalid|incorrect).{0,10}api.?key|api.?key.{0,10}(not valid|invalid)|authentication|not (signed|logged) in/i,
  ],
  ['context_exceeded', /context.{0,10}(length|window|limit)|prompt is too long|too many tokens/i],
  ['model_unavailable', /model.{0,60}(not found|not exist|not supported|unknown|unavailable)|unknown model/i],
];

function kindOf({ code }: RequestFailed, said: string): FailureKind | null {
  if (code === signInNeeded) return 'auth_required';
  const [status] = /\b[45]\d\d\b/.exec(said) ?? [];
  const told = status === undefined ? null : kindOfStatus(Number(status));
  return told ?? kinds.find(([, pattern]) => pattern.test(said))?.[0] ?? null;
}
