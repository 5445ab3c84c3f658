import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { verifyAudit } from '../../../src/application/maintenance/audit.ts';
import { findFolder, recoverFromFile, recoverSession } from '../../../src/application/maintenance/recover.ts';
import type { Checkpoint } from '../../../src/application/ports/maintenance.ts';
import { CheckpointWriter } from '../../../src/application/session/checkpoint-writer.ts';
import { SessionTroubles } from '../../../src/application/session/session-troubles.ts';
import { isMaosError } from '../../../src/domain/errors.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import {
  eventOf,
  lacksProcesses,
  openRealProject,
  outcome,
  type RealProject,
  realProject,
  run,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';

function folderOf(real: RealProject, id: SessionId): string {
  return real.project.files.describe(id);
}

function checkpointNames(real: RealProject, id: SessionId): readonly string[] {
  return readdirSync(join(folderOf(real, id), 'checkpoints')).sort();
}

async function newest(real: RealProject, id: SessionId): Promise<Checkpoint> {
  const { maintenance } = real.project.files;
  const [found] = await maintenance.checkpoints(id);
  assert.ok(found, 'no checkpoint');
  return maintenance.readCheckpoint(id, found.path);
}

describe('checkpoints', () => {
  it('hold everything at the end of a session, closed to others, and leave its log ended by its end', async (t) => {
    const real = realProject(t);
    const { id, events } = await run(real, [shell('a', 'echo one'), shell('b', 'exit 3')]);
    const checkpoint = await newest(real, id);
    assert.deepEqual(checkpoint.workflow, real.project.store.load(id));
    assert.equal(checkpoint.lastEvent.seq, events.at(-1)?.seq);
    assert.equal(
      checkpoint.lastEvent.hash,
      real.project.store.maintenance.hashAt(id, checkpoint.lastEvent.seq),
    );
    assert.equal(events.at(-1)?.type, 'session.failed');
    const [name] = checkpointNames(real, id);
    assert.match(name ?? '', /^[0-9]{4}\.json$/);
    assert.equal(statSync(join(folderOf(real, id), 'checkpoints', name ?? '')).mode & 0o777, 0o600);
  });

  it('are written while a session runs, with an event', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'gate');
    const id = await start(real, [
      shell('first', 'echo one'),
      shell('second', gate.wait, { depends_on: ['first'] }),
    ]);
    await eventOf(real, id, 'agent.spawned', 'second');
    const written = await eventOf(real, id, 'checkpoint.written');
    const checkpoint = await real.project.files.maintenance.readCheckpoint(id, written.data.path);
    assert.ok(checkpoint.lastEvent.seq < written.seq);
    assert.equal(checkpoint.reason, written.data.reason);
    gate.openNow();
    assert.equal((await settled(real, id)).state, 'completed');
  });

  it('are kept to the newest twenty, and temporary files of a killed writer go', async (t) => {
    const real = realProject(t);
    const { id } = await run(real, [shell('a', 'echo one')]);
    const { maintenance } = real.project.files;
    const base = await newest(real, id);
    const folder = join(folderOf(real, id), 'checkpoints');
    writeFileSync(join(folder, `.0001.json.${'a'.repeat(12)}.tmp`), 'half');
    for (let seq = 9_990; seq < 10_012; seq++) {
      await maintenance.writeCheckpoint({ ...base, lastEvent: { ...base.lastEvent, seq } }, 20);
    }
    const left = (await maintenance.checkpoints(id)).map(({ seq }) => seq);
    assert.deepEqual(
      left,
      Array.from({ length: 20 }, (_, place) => 10_011 - place),
    );
    assert.equal(readdirSync(folder).length, 20);
  });

  it('that cannot be written stop nothing', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'gate');
    const id = await start(real, [shell('a', gate.wait)]);
    await eventOf(real, id, 'agent.spawned', 'a');
    await eventOf(real, id, 'checkpoint.written');
    rmSync(join(folderOf(real, id), 'checkpoints'), { recursive: true });
    writeFileSync(join(folderOf(real, id), 'checkpoints'), 'in the way');
    gate.openNow();
    assert.equal((await settled(real, id)).state, 'completed');
    assert.ok(real.logged.some((line) => line.startsWith('warn cannot write a checkpoint')));
  });
});

describe('a checkpoint', () => {
  it('is of what its log already holds, whatever is stored while that is written', async (t) => {
    const real = realProject(t);
    const { id, events } = await run(real, [shell('a', 'echo one')]);
    const { project } = real;
    const lease = project.store.acquire(id, project.instance, { staleBefore: project.clock.now() });
    assert.ok(lease !== null);
    rmSync(join(folderOf(real, id), 'checkpoints'), { recursive: true });
    const workflow = project.store.load(id);
    const early = events.slice(0, events.findIndex(({ type }) => type === 'agent.completed') + 1);
    const logged: number[] = [];
    const writer: CheckpointWriter = new CheckpointWriter(project, lease, {
      isLeft: () => false,
      logged: async () => {
        const isFirst = logged.length === 0;
        logged.push(isFirst ? early.length : events.length);
        if (isFirst) writer.note(workflow, events);
      },
      troubles: new SessionTroubles(id, project.clock, () => {}),
    });
    writer.note(workflow, early);
    await writer.close();
    const seqs = (await project.files.maintenance.checkpoints(id)).map(({ seq }) => seq);
    assert.deepEqual(
      seqs.sort((one, other) => one - other),
      logged,
    );
  });
});

/** The same folders with an empty database, as after its deletion. */
function withoutDatabase(t: Parameters<typeof realProject>[0], lost: RealProject): RealProject {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${lost.database}${suffix}`, { force: true });
  const real = openRealProject({ home: lost.home, root: lost.root });
  t.after(() => real.close());
  return real;
}

describe('recovery from checkpoints', () => {
  it('brings a killed session back without its database: it goes on, and nothing runs twice', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const before = realProject(t);
    const other = await otherMaos(t, before);
    const gate = new Gate(before.root, 'live');
    const mark = (name: string) => `echo ${name} >>ran.txt`;
    const id = await other.start({
      objective: 'Survive.',
      agents: [
        shell('done', `${mark('done')}; echo finished; echo spec >"$MAOS_SHARED_CONTEXT/spec.md"`),
        shell('live', `${mark('live')}; ${gate.wait}; echo two`, { depends_on: ['done'] }),
        shell('next', `${mark('next')}; echo three`, { depends_on: ['live'] }),
      ],
    });
    const seen = new Set<string>();
    const { seq } = await other.event((event) => {
      if (event.type === 'checkpoint.written') seen.add(event.type);
      if (event.type === 'agent.spawned' && event.data.name === 'live') seen.add(event.type);
      return seen.size === 2;
    });
    // Without a database, only the log contains the start. It is written shortly after the table.
    while ((await before.project.files.lastLogged(id)) < seq) await turn();
    await other.kill();
    await before.close();
    const real = withoutDatabase(t, before);
    assert.throws(() => real.project.store.load(id), /There is no session/);

    const recovered = await recoverSession(real.project, await findFolder(real.project, 'latest'));
    assert.equal(recovered.workflow.session.id, id);
    assert.equal(recovered.workflow.agents[0]?.result, 'finished');
    assert.equal(
      recovered.workflow.agents[1]?.state,
      'running',
      'as the log tells, whatever the checkpoint knew',
    );
    assert.deepEqual(
      real.project.store.artifacts(id).map(({ path }) => path),
      ['shared/context/spec.md'],
    );
    assert.equal(real.project.store.ownerOf(id), null);
    assert.equal(await real.supervisor.takeOver(id), true);
    gate.openNow();
    const after = await settled(real, id);
    assert.equal(after.state, 'completed');
    assert.deepEqual(readFileSync(join(real.root, 'ran.txt'), 'utf8').trim().split('\n'), [
      'done',
      'live',
      'next',
    ]);
    assert.equal(after.agent('live').attempt, 1);
    assert.equal(after.of('session.recovered').length, 1);
    assert.deepEqual((await verifyAudit(real.project, id)).problems, []);
  });

  it('refuses a session that is in the store, and one without a checkpoint', async (t) => {
    const real = realProject(t);
    const { id } = await run(real, [shell('a', 'echo one')]);
    await assert.rejects(recoverSession(real.project, id), (error) =>
      isMaosError(error, 'INVALID_TRANSITION'),
    );
    rmSync(join(folderOf(real, id), 'checkpoints'), { recursive: true });
    await assert.rejects(recoverSession(real.project, id), (error) =>
      isMaosError(error, 'SESSION_NOT_FOUND'),
    );
  });

  it('refuses a damaged checkpoint, and takes a file that lies elsewhere', async (t) => {
    const before = realProject(t);
    const { id } = await run(before, [shell('a', 'echo one')]);
    const saved = join(before.root, 'saved.json');
    const folder = join(folderOf(before, id), 'checkpoints');
    const name = checkpointNames(before, id).at(-1) ?? '';
    renameSync(join(folder, name), saved);
    for (const other of checkpointNames(before, id)) rmSync(join(folder, other));
    writeFileSync(join(folder, '9999.json'), '{"version": 1');
    await before.close();
    const real = withoutDatabase(t, before);
    await assert.rejects(recoverSession(real.project, id), /9999\.json.* is not JSON/);
    const { workflow } = await recoverFromFile(real.project, saved);
    assert.equal(workflow.session.state, 'completed');
    assert.equal(outcome(real, id).agent('a').result, 'one');
  });

  it('takes the one before when the newest is damaged, and says so', async (t) => {
    const before = realProject(t);
    const { id, events } = await run(before, [shell('a', 'echo one')]);
    writeFileSync(join(folderOf(before, id), 'checkpoints', '9999.json'), '{"version": 1');
    await before.close();
    const real = withoutDatabase(t, before);
    const { checkpoint, passedOver } = await recoverSession(real.project, id);
    assert.match(checkpoint, /^checkpoints\/00[0-9]{2}\.json$/);
    assert.match(passedOver.join(), /9999\.json.* is not JSON/);
    const left = await real.files.maintenance.checkpoints(id);
    assert.ok(
      left.every(({ seq }) => seq <= events.length),
      'its number would come again',
    );
  });

  it('refuses a log that is not the one the checkpoint was written beside', async (t) => {
    const before = realProject(t);
    const { id } = await run(before, [shell('a', 'echo one')]);
    const log = join(folderOf(before, id), 'session.log');
    // The first record, which is before every checkpoint.
    writeFileSync(log, readFileSync(log, 'utf8').replace('"See it work."', '"See it fail."'));
    await before.close();
    const real = withoutDatabase(t, before);
    await assert.rejects(recoverSession(real.project, id), (error) => isMaosError(error, 'STORE_CORRUPT'));
    assert.equal(real.project.store.maintenance.exists(id), false, 'nothing was stored');
  });

  it('leaves it to a person to take an older checkpoint when the log contradicts the newest', async (t) => {
    const before = realProject(t);
    const gate = new Gate(before.root, 'gate');
    const id = await start(before, [shell('a', 'echo one'), shell('b', gate.wait, { depends_on: ['a'] })]);
    await eventOf(before, id, 'checkpoint.written');
    await eventOf(before, id, 'agent.spawned', 'b');
    gate.openNow();
    const { events } = await settled(before, id);
    const folder = folderOf(before, id);
    const names = checkpointNames(before, id);
    const seqOf = (name: string): number =>
      JSON.parse(readFileSync(join(folder, 'checkpoints', name), 'utf8')).lastEvent.seq;
    const oldest = names[0] ?? '';
    // The first record that the oldest checkpoint does not cover.
    const log = join(folder, 'session.log');
    const lines = readFileSync(log, 'utf8').split('\n');
    const at = seqOf(oldest);
    assert.ok(at < seqOf(names.at(-1) ?? ''), 'before what the newest vouches for');
    lines[at] = (lines[at] ?? '').replace(/"at":"20../, '"at":"2099');
    writeFileSync(log, lines.join('\n'));
    await before.close();
    const real = withoutDatabase(t, before);
    await assert.rejects(
      recoverSession(real.project, id),
      /contains other events than those before .* altered.* --from-checkpoint/,
    );
    assert.equal(real.project.store.maintenance.exists(id), false, 'nothing was stored');
    const { events: taken } = await recoverFromFile(real.project, join(folder, 'checkpoints', oldest));
    assert.ok(taken > seqOf(oldest) && taken <= events.length, 'a person may');
  });
});
