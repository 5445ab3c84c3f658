import type { GitReport } from '../../../application/runtime.ts';
import { plural } from '../../../domain/amounts.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import type { Check } from './check.ts';

/** Only warnings: agents work in the project's folder without git. */
export function checkGit({ version, isRepository, problem, leftovers }: GitReport): readonly Check[] {
  const name = 'git';
  const detail = version ?? 'not usable';
  if (problem !== null) {
    return [{ name, state: 'warning', detail: `${detail}; agents cannot work in worktrees`, fix: problem }];
  }
  const place = isRepository ? 'agents can work in worktrees' : 'no repository here, so no worktrees';
  const found: Check = { name, state: 'ok', detail: `${detail}, ${place}`, fix: null };
  const [first] = leftovers;
  if (first === undefined) return [found];
  const count = plural(leftovers.length, 'worktree');
  return [
    found,
    {
      name: 'worktrees',
      state: 'warning',
      detail: `${count} of removed sessions, such as ${showName(first)}`,
      fix: "'maos gc' keeps their work in refs/maos and removes them once they are older than retention.maxAgeDays; 'maos gc --max-age 0' removes them at once, with every ended session.",
    },
  ];
}
