import { quote } from './errors.ts';
import type { AgentId, SessionId } from './ids.ts';

/** What a worktree gets besides the files of its commit. Paths are relative to the top of the worktree. */
export interface WorktreeSetup {
  /** Files and folders copied from the user's checkout; patterns as in `.gitignore`. */
  readonly copy: readonly string[];
  /** Files and folders of the user's checkout that are linked instead, because they are large and only read. */
  readonly link: readonly string[];
  /** A line for `/bin/sh -c`, run in the worktree before the agent starts; null: none. */
  readonly setup: string | null;
  /** Number of free TCP ports, given as `MAOS_PORT_1` and so on. */
  readonly ports: number;
}

export const noSetup: WorktreeSetup = { copy: [], link: [], setup: null, ports: 0 };

export const maxPorts = 20;

/** Where a session's worktrees begin. */
export interface RepositoryStart {
  /** Full id of the commit that was checked out when the session was created. */
  readonly commit: string;
  /** The branch that was checked out, without `refs/heads/`; null: none. */
  readonly branch: string | null;
}

/** Lines changed, as in `git diff --shortstat`; binary files count as files only. */
export interface DiffStat {
  readonly files: number;
  readonly insertions: number;
  readonly deletions: number;
}

/** An agent's work in its worktree. */
export interface AgentWork {
  /** Its branch, without `refs/heads/`. */
  readonly branch: string;
  /** The commit that it began from: the session's, or the merge of its dependencies' work. */
  readonly base: string;
  /** The commit that holds all of its work; null before its first attempt has ended. */
  readonly commit: string | null;
  /** From `base` to `commit`. */
  readonly diff: DiffStat | null;
}

/** An agent of another session, whose work an agent lands. */
export interface AgentReference {
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
}

/** The branch of an agent, without `refs/heads/`. @param name the agent's */
export function branchOf(sessionId: SessionId, name: string): string {
  return `maos/${sessionId}/${name}`;
}

/** Where landed work waits while its target is checked out with changes; without `refs/heads/`. */
export function landedBranchOf(sessionId: SessionId): string {
  return branchOf(sessionId, landedName);
}

/** The ref that keeps all of an attempt's work. @param name the agent's */
export function keptRefOf(sessionId: SessionId, name: string, attempt: number): string {
  return `refs/maos/${sessionId}/${name}/${attempt}`;
}

const landedName = 'landed';

/**
 * Why an agent's name cannot name a branch, by the rules of `git check-ref-format`; null if it can. Names are made of
 * letters, digits, '_', '.' and '-'.
 */
export function whyNoBranch(name: string): string | null {
  if (name === landedName) return `${quote(name)} is the branch of landed work`;
  if (name.endsWith('.lock')) return `a branch must not end in '.lock'`;
  if (name.endsWith('.') || name.includes('..')) {
    return `a branch must not contain '..' or end in '.'`;
  }
  return null;
}
