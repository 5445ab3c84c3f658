import type { Agent } from './agent.ts';
import { plural } from './amounts.ts';
import { showName } from './invisible-marks.ts';
import { isSessionEnded, type Landing, type Session } from './session.ts';
import type { DiffStat } from './worktree.ts';

/** Texts about agents' work in git and its checks, for people. */

/** `3 files, +40 −2`, or `no changes`. */
export function diffText({ files, insertions, deletions }: DiffStat): string {
  return files === 0 ? 'no changes' : `${plural(files, 'file')}, +${insertions} −${deletions}`;
}

/** The first characters of a commit's id, as many as git shows in repositories of usual size. */
export function shortCommit(commit: string): string {
  return commit.slice(0, 10);
}

/**
 * What a plan says of an agent's workspace and check: `in a worktree, checked by npm ci; npm test`. Empty: neither.
 * @param isOfAll its check is that of the session
 */
export function plannedWorkText(
  { workspace, verify }: Pick<Agent, 'workspace' | 'verify'>,
  isOfAll = false,
): string {
  return [
    ...(workspace === 'worktree' ? ['in a worktree'] : []),
    ...(verify === null
      ? []
      : [`${isOfAll ? 'checks all work' : 'checked'} by ${verify.commands.join('; ')}`]),
  ].join(', ');
}

/** `lands sess_… onto main`. */
export function landingText({ sessionId, target, squash }: Landing): string {
  return `lands ${sessionId} onto ${target}${squash ? ', squashed' : ''}`;
}

/** A session that lands the work of another. */
export type LandedBy = Pick<Session, 'id' | 'state' | 'createdAt'>;

/** What becomes of a session's own work; null if nobody has asked to land it. @param by the newest session that lands it */
export function ownLandingText(
  { land, state }: Pick<Session, 'land' | 'state'>,
  by: LandedBy | null,
): string | null {
  if (by !== null) return `landed by ${by.id}: ${by.state}`;
  if (land !== 'auto' || state === 'completed') return null;
  if (!isSessionEnded(state)) return 'its work lands by itself when it completes';
  const why = state === 'failed' ? 'failed' : 'was cancelled';
  return `its work did not land by itself, because the session ${why}; it stays on the branches`;
}

/** Whether MAOS has proven the agent's work: `none` without checks, and before their result. */
export const proofStates = ['passed', 'failed', 'none'] as const;
export type ProofState = (typeof proofStates)[number];

export function proofStateOf({
  state,
  verify,
  proof,
}: Pick<Agent, 'state' | 'verify' | 'proof'>): ProofState {
  if (verify === null || proof === null) return 'none';
  if (proof.failed !== null) return 'failed';
  return state === 'completed' && proof.checks > 0 ? 'passed' : 'none';
}

/**
 * What an agent's check does, or what the agent mends after it: `npm test, command 1 of 2, fix round 1 of 2`; null if
 * neither is so.
 */
export function verifyingText({
  stage,
  verify,
  proof,
}: Pick<Agent, 'stage' | 'verify' | 'proof'>): string | null {
  if (stage === null || verify === null) return null;
  const round = proof?.round ?? 0;
  const inRound = round === 0 ? [] : [`fix round ${round} of ${verify.fixRounds}`];
  if (stage === 'verifying') {
    const index = proof?.command ?? 0;
    const { length } = verify.commands;
    const part = length === 1 ? [] : [`command ${index + 1} of ${length}`];
    const command = verify.commands[index];
    return command === undefined ? null : [`runs ${showName(command)}`, ...part, ...inRound].join(', ');
  }
  const failed = proof?.failed ?? null;
  if (failed === null || round === 0) return null;
  return [`fixes what ${showName(failed.report.command)} found`, ...inRound].join(', ');
}
