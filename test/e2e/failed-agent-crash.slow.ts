import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { player, startsOf } from '../helpers/fake-claude.ts';
import { seed } from '../helpers/seed.ts';
import { giveTimeTo, until } from '../helpers/waiting.ts';
import { MaosFolder, type Running } from '../presentation/cli/maos-process.ts';

/** Number of kills for each exit policy; increase it for a longer search. */
const rounds = Number(process.env.CRASH_ROUNDS ?? 4);
/** Normally, an agent's end is stored within this time after it was recorded. */
const spreadMs = 60;

const script = join(import.meta.dirname, '../fixtures/programs/fake-claude.mjs');

/** Numbers in [0, 1) that depend only on the seed (mulberry32). */
function dice(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A failing agent next to running ones: a program, and an agent with a resumable conversation. */
function planIn(folder: string, onExit: string): string {
  const error = { type: 'result', subtype: 'success', is_error: true, result: 'No.', session_id: 'c1' };
  const failing = player(folder, 'talks', [
    [
      { wait: 'go' },
      { line: { type: 'system', subtype: 'init', session_id: 'c1' } },
      { line: error },
      { exit: 1 },
    ],
  ]);
  const { name, role, task, backend } = failing;
  const wait = 'until [ -e go ]; do sleep 0.01; done';
  const plan = {
    objective: 'Fail, and be killed.',
    failure_policy: 'continue',
    on_exit: onExit,
    agents: [
      { name: 'fails', role, task: 'Fail.', command: ['/bin/sh', '-c', `${wait}; echo fails >>ran; exit 3`] },
      { name, role, task, backend },
      {
        name: 'lasts',
        role,
        task: 'Last.',
        command: ['/bin/sh', '-c', 'until [ -e end ]; do sleep 0.05; done'],
      },
      { name: 'follows', role, task: 'Follow.', command: 'echo follows >>ran', depends_on: ['lasts'] },
    ],
  };
  const file = join(folder, 'plan.json');
  writeFileSync(file, JSON.stringify(plan));
  return file;
}

interface Stored {
  readonly name: string;
  readonly state: string;
  readonly attempt: number;
  readonly stage: string | null;
}

function stored(database: string): readonly Stored[] {
  const db = new DatabaseSync(database, { readOnly: true });
  try {
    return db.prepare('SELECT name, state, attempt, stage FROM agents').all() as unknown as Stored[];
  } finally {
    db.close();
  }
}

/** @returns what the store contained about the failed agents after their MAOS was killed */
async function killAndTakeOver(onExit: string, afterMs: number): Promise<readonly Stored[]> {
  const maos = await MaosFolder.make();
  let owner: Running | undefined;
  const textOf = (name: string): string => {
    const file = join(maos.project, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  };
  try {
    const claude = join(maos.project, 'fake-claude');
    writeFileSync(claude, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`, { mode: 0o755 });
    const env = { ...maos.env, MAOS_CLAUDE_PATH: claude };
    owner = maos.start(['run', planIn(maos.project, onExit)], { env });
    const found = (path: string) => globSync(join(maos.home, 'projects/*', path));
    // A database that is still being created cannot be read; a session's folder is created after it.
    const databases = () => (found('sessions/*').length === 0 ? [] : found('project.db'));
    const executing = () =>
      databases()
        .flatMap(stored)
        .filter(({ stage }) => stage === 'executing').length;
    await until(() => textOf('talks.starts').endsWith('\n') && executing() === 3, 'all agents');
    writeFileSync(join(maos.project, 'go'), '');
    await until(() => found('sessions/*/agents/*/exit.json').length > 0, 'an end');
    await giveTimeTo('get anywhere after the end of an agent', afterMs);
    owner.process.kill('SIGKILL');
    await owner.finished;

    const [database = assert.fail()] = found('project.db');
    const before = stored(database);
    // Another maos process continues the session.
    await maos.start(['status'], { env }).finished;
    writeFileSync(join(maos.project, 'end'), '');
    await until(() => textOf('ran').includes('follows'), 'the rest');
    const { stdout } = await maos.start(['wait', 'latest', '--json'], { env }).finished;
    assert.match(stdout, /"failed"/);

    const after = stored(database);
    for (const { name, state, attempt } of before) {
      if (state !== 'failed') continue;
      const now = after.find((agent) => agent.name === name);
      assert.deepEqual([now?.state, now?.attempt], ['failed', attempt], `${name}, ${afterMs} ms, ${onExit}`);
      if (name === 'talks') assert.equal(startsOf(maos.project, name).length, 1, `${afterMs} ms, ${onExit}`);
    }
    assert.equal(textOf('ran'), 'fails\nfollows\n');
    return before.filter(({ name }) => name === 'fails' || name === 'talks');
  } finally {
    owner?.process.kill('SIGKILL');
    await maos.remove();
  }
}

describe('kill -9 of maos about the moment in which the end of a failed agent is stored', () => {
  for (const onExit of ['stop', 'keep']) {
    it(`starts nothing again that is stored as failed: on_exit ${onExit}`, async (t) => {
      const roll = dice(seed + onExit.length);
      const seen = new Map<string, number>();
      for (let round = 0; round < rounds; round++) {
        // Spread evenly around the commit.
        const afterMs = (spreadMs * (round + roll())) / rounds;
        for (const { state } of await killAndTakeOver(onExit, afterMs)) {
          seen.set(state, (seen.get(state) ?? 0) + 1);
        }
      }
      t.diagnostic(`seed ${seed}, ${rounds} kills: ${JSON.stringify([...seen])}`);
    });
  }
});
