import { findingText } from '../amounts.ts';
import { type BudgetFinding, describeFinding, readFinding } from '../budget.ts';
import { quote } from '../errors.ts';
import type { AgentId, MessageId } from '../ids.ts';
import { showName } from '../invisible-marks.ts';
import type { DeliveryWay } from '../message.ts';
import type { MessageType } from '../message-type.ts';
import type { PhaseState } from '../orchestration.ts';
import { event } from './event-type.ts';

const phase = (word: string, state: PhaseState) =>
  event<{ phase: number }>({
    text: ({ phase: index }) => `phase ${index + 1} ${word}`,
    phase: state,
    hiddenFrom: ['progress', 'lines'],
    ...(state === 'running' ? {} : { checkpoint: true }),
  });

const wayTexts: Readonly<Record<DeliveryWay, string>> = {
  live: ' while its recipient works',
  tool: ' with a tool call',
  prompt: ' with the prompt',
  lease: '',
};

/** Events of phases, budgets, files and messages. */
export const workEvents = {
  'phase.started': phase('started', 'running'),
  'phase.completed': phase('completed', 'completed'),
  'phase.failed': phase('failed', 'failed'),
  'phase.skipped': phase('skipped', 'skipped'),

  /**
   * Most of a limit is used, or, for a session, all of it. Recorded once per limit and level. `name`: the agent's; null
   * for the session's budget.
   */
  'budget.warned': event<{ name: string | null } & BudgetFinding>({
    text: (finding) =>
      `budget ${finding.level === 'exceeded' ? 'exceeded' : 'warning'}: ${findingText(finding)}`,
    upcast: ({ name, message, ...finding }) => ({
      name: typeof name === 'string' ? name : null,
      ...('item' in finding ? (finding as unknown as BudgetFinding) : readFinding(String(message))),
    }),
    published: (finding) => ({ message: describeFinding(finding) }),
  }),

  'checkpoint.written': event<{ path: string; reason: string }>({
    text: ({ path, reason }) => `checkpoint ${path} (${reason})`,
    hiddenFrom: ['progress', 'lines'],
  }),

  /** Files of agents that were not recorded, with the reason. Recorded once per reason. */
  'artifact.skipped': event<{ reason: string }>({ text: ({ reason }) => `files not recorded: ${reason}` }),

  'artifact.recorded': event<{
    path: string;
    sizeBytes: number;
    sha256: string;
    by: string | null;
    candidates: readonly string[];
  }>({
    text: ({ path, candidates }) =>
      `wrote ${showName(path)}${candidates.length > 1 ? ` (one of ${candidates.join(', ')})` : ''}`,
  }),

  /**
   * Each change of a message's state has an event. `agentId` is the recipient; null there or in `from` means outside
   * the team.
   */
  'message.queued': event<{
    id: MessageId;
    type: MessageType;
    from: AgentId | null;
    subject: string;
    /** Number of failed deliveries so far; `reason` is that of the last one. */
    attempt: number;
    availableAt: string;
    reason: string | null;
  }>({
    text: ({ id, type, subject, attempt, reason }) =>
      `${type} ${id}${subject === '' ? '' : ` ${quote(subject)}`} queued${attempt === 0 ? '' : ' again'}${reason === null ? '' : `: ${reason}`}`,
    hiddenFrom: ['progress'],
  }),

  /**
   * `leaseUntil` is null unless the message was leased. `via` is absent in events of earlier versions, which only
   * leased messages.
   */
  'message.delivered': event<{
    id: MessageId;
    attempt: number;
    leaseUntil: string | null;
    via?: DeliveryWay;
  }>({
    text: ({ id, attempt, via = 'lease' }) =>
      `message ${id} delivered${wayTexts[via]}${attempt > 1 ? `, attempt ${attempt}` : ''}`,
    hiddenFrom: ['progress'],
  }),

  'message.acknowledged': event<{ id: MessageId; attempt: number }>({
    text: ({ id }) => `message ${id} acknowledged`,
    hiddenFrom: ['progress'],
  }),

  /** Not delivered before its deadline. */
  'message.expired': event<{ id: MessageId; expiresAt: string }>({
    text: ({ id, expiresAt }) => `message ${id} expired: not delivered by ${expiresAt}`,
  }),

  'message.dead': event<{ id: MessageId; attempt: number; reason: string }>({
    text: ({ id, reason }) => `message ${id} dead: ${reason}`,
  }),
};
