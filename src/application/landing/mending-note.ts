import { quoted, quotedPath, quotedStart } from '../quotation.ts';

/** Notes that tell an agent why its work cannot land as it is. The prompt repeats the task after them. */

/** Maximum characters of the files that one side changed. */
const maxStat = 3_000;
const maxPaths = 50;

/** Both sides of a conflict. */
export interface ConflictSides {
  readonly target: string;
  readonly tip: string;
  /** Conflicting paths. */
  readonly paths: readonly string[];
  /** Names of the agents that landed work on the target. */
  readonly between: readonly string[];
  /** Files that each side changed, as `git diff --stat` prints them. */
  readonly own: string;
  readonly others: string;
}

export function conflictNote({ target, tip, paths, between, own, others }: ConflictSides): string {
  const shown = paths.slice(0, maxPaths).map((path) => `> - ${quotedPath(path)}`);
  const more = paths.length > maxPaths ? [`and ${paths.length - maxPaths} more`] : [];
  const who = between.length === 0 ? '' : ` Landed there: ${between.join(', ')}.`;
  return [
    `# Your work conflicts with ${target}`,
    `Your task is done, and your work is about to land on ${target} (${tip}), which has changed meanwhile.${who} ` +
      'In your current folder, a git merge of the two is in progress. Conflicting files:',
    [...shown, ...more].join('\n'),
    'What you changed:',
    quotedStart(own, maxStat, 'see git diff --stat'),
    `What changed on ${target}:`,
    quotedStart(others, maxStat, 'see git diff --stat'),
    'Resolve the conflicts so that both sides keep what they were made for, and remove all conflict markers. ' +
      'Do not abort the merge, and do not start another one; MAOS commits it when you are done, checks it and lands it.',
    'Your task was the following. Do not start it again.',
  ].join('\n\n');
}

export function failedCheckNote(target: string, tip: string): string {
  return [
    `# Your work does not pass its check on ${target}`,
    `Your task is done, and your work was merged with ${target} (${tip}). Your current folder contains the merged ` +
      'files. The check that passed before fails on them: fix the cause in this folder. MAOS commits, checks and lands it when you are done.',
    'Your task was the following. Do not start it again.',
  ].join('\n\n');
}

export function unfinishedNote(target: string, problem: string): string {
  return [
    `# Your merge with ${target} is not finished`,
    'Your current folder contains what you left. MAOS cannot land it:',
    quoted(problem),
    'Finish it: keep what both sides were made for, and remove all conflict markers. MAOS commits, checks and lands it ' +
      'when you are done.',
    'Your task was the following. Do not start it again.',
  ].join('\n\n');
}
