import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommitText, WorktreePlace } from '../../../src/application/ports/workspaces.ts';
import { sessionLayout } from '../../../src/infrastructure/files/home/layout.ts';
import { makeWorkspaces } from '../../../src/infrastructure/git/workspaces.ts';

/** The life of a worktree, step by step. Run as a program, it writes each step's name before it begins. */
export interface WorktreeLife {
  readonly project: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly place: WorktreePlace;
  readonly base: string;
  /** A file for the name of the step. */
  readonly stepFile: string;
}

export const steps = ['open', 'work', 'snapshot', 'remove'] as const;
export type Step = (typeof steps)[number];

export const keptRef = 'refs/maos/sess_00000000000000000000000001/coder/1';
const text: CommitText = { message: 'maos: coder\n', author: null, at: '2026-01-01T00:00:00Z' };

export async function take(step: Step, life: WorktreeLife): Promise<void> {
  const { place, base } = life;
  const layout = sessionLayout(life.project);
  const workspaces = makeWorkspaces({ layout, environment: life.environment });
  const folder = layout.worktree(place.sessionId, place.agentId);
  switch (step) {
    case 'open':
      await workspaces.open(place, base, null);
      return;
    case 'work':
      writeFileSync(join(folder, 'a.txt'), 'work\n');
      writeFileSync(join(folder, 'new.txt'), 'work\n');
      rmSync(join(folder, 'b.txt'), { force: true });
      return;
    case 'snapshot':
      await workspaces.snapshot(place, base, keptRef, text);
      return;
    case 'remove': {
      const why = await workspaces.remove(place, base, keptRef, text);
      if (why !== null) throw new Error(why);
    }
  }
}

if (import.meta.main) {
  const given = JSON.parse(process.argv[2] ?? '') as WorktreeLife;
  const life = { ...given, environment: { ...given.environment, LIFE: String(process.pid) } };
  for (const step of steps) {
    writeFileSync(life.stepFile, step);
    await take(step, life);
  }
  writeFileSync(life.stepFile, 'done');
}
