import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { utimesSync } from 'node:fs';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { requestCancel } from '../../../src/application/control/control.ts';
import type { AgentDisk, FoundFile } from '../../../src/application/ports/agent-disk.ts';
import { skippedArtifacts } from '../../../src/application/queries/live-status.ts';
import { ArtifactRecorder } from '../../../src/application/session/artifact-recorder.ts';
import { makePlan } from '../../../src/domain/plan.ts';
import { createWorkflow } from '../../../src/domain/workflow.ts';
import { factsOf, summaryRecord } from '../../../src/presentation/cli/facts/session-facts.ts';
import { renderReport } from '../../../src/presentation/cli/render/session-report.ts';
import { plainPaint } from '../../../src/presentation/cli/shell/terminal.ts';
import { Gate } from '../../helpers/gate.ts';
import {
  eventOf,
  lacksProcesses,
  outcome,
  realProject,
  run,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { agentRequest, at, planRequest, sessionId } from '../../infrastructure/sqlite/samples.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('what agents leave', () => {
  it('in their own results folder is theirs, also when others run', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'written');
    const write =
      'mkdir -p "$MAOS_SHARED_CONTEXT/../../results/left/deep"; echo mine >"$MAOS_SHARED_CONTEXT/../../results/left/deep/a.txt"';
    const outcome = await run(real, [shell('left', `${write}; ${gate.open}`), shell('right', gate.wait)]);
    const [artifact, ...more] = real.project.store.artifacts(outcome.id);
    assert.deepEqual(more, []);
    assert.deepEqual(artifact, {
      path: 'results/left/deep/a.txt',
      sizeBytes: 5,
      sha256: sha256('mine\n'),
      by: outcome.agent('left').id,
      candidates: ['left'],
      recordedAt: artifact?.recordedAt,
    });
    const bytes = await real.project.host.readArtifact(outcome.id, 'results/left/deep/a.txt', 100);
    assert.equal(sha256(Buffer.from(bytes).toString()), artifact?.sha256);
    const { recordedAt: _, ...data } = artifact;
    assert.deepEqual(outcome.of('artifact.recorded')[0]?.data, data);
  });

  it('in shared context is its who ran alone then', async (t) => {
    const real = realProject(t);
    const outcome = await run(real, [
      shell('first', 'echo 1 >"$MAOS_SHARED_CONTEXT/one"'),
      shell('second', 'echo 2 >"$MAOS_SHARED_CONTEXT/two"', { depends_on: ['first'] }),
    ]);
    assert.deepEqual(
      real.project.store.artifacts(outcome.id).map(({ path, by }) => [path, by]),
      [
        ['shared/context/one', outcome.agent('first').id],
        ['shared/context/two', outcome.agent('second').id],
      ],
    );
    const recorded = outcome.of('artifact.recorded')[0]?.seq ?? 0;
    assert.ok(
      recorded < (outcome.of('agent.started', 'second')[0]?.seq ?? 0),
      'known before the next starts',
    );
  });

  it('names all that could have been it when several ran, and none as the author', async (t) => {
    const real = realProject(t);
    const [wrote, seen] = [new Gate(real.root, 'wrote'), new Gate(real.root, 'seen')];
    const outcome = await run(real, [
      shell('writer', `${seen.wait}; echo x >"$MAOS_SHARED_CONTEXT/notes"; ${wrote.open}`),
      shell('watcher', `${seen.open}; ${wrote.wait}`),
    ]);
    const [artifact] = real.project.store.artifacts(outcome.id);
    assert.deepEqual([artifact?.by, artifact?.candidates], [null, ['writer', 'watcher']]);
  });

  it('is recorded again when it changed, and only then', async (t) => {
    if (lacksProcesses(t, 'needs a real disk')) return;
    const real = realProject(t);
    const file = '"$MAOS_SHARED_CONTEXT/log"';
    const outcome = await run(
      real,
      [
        shell('one', `echo 1 >${file}`),
        shell('same', `cp -p ${file} copy && touch ${file}`),
        shell('two', `echo 2 >>${file}`),
      ],
      { strategy: 'sequential' },
    );
    assert.deepEqual(
      outcome.of('artifact.recorded').map(({ data: { sha256, sizeBytes, by } }) => [sha256, sizeBytes, by]),
      [
        [sha256('1\n'), 2, outcome.agent('one').id],
        [sha256('1\n2\n'), 4, outcome.agent('two').id],
      ],
    );
    assert.equal(
      real.project.store.artifacts(outcome.id)[0]?.sha256,
      sha256('1\n2\n'),
      'the newest is listed',
    );
  });

  it('with a time before its writing belongs to who runs when it is found', async (t) => {
    const real = realProject(t);
    const outcome = await run(real, [shell('unpacker', 'touch -t 200001010000 "$MAOS_SHARED_CONTEXT/old"')]);
    assert.equal(real.project.store.artifacts(outcome.id)[0]?.by, outcome.agent('unpacker').id);
  });

  it('is not found through links, and known files are not recorded again after a take-over', async (t) => {
    if (lacksProcesses(t, 'needs a real disk')) return;
    const real = realProject(t);
    const gate = new Gate(real.root, 'go');
    const secret = join(real.root, 'secret');
    await writeFile(secret, 'secret');
    const id = await start(real, [
      shell('first', 'echo 1 >"$MAOS_SHARED_CONTEXT/kept"'),
      shell('second', gate.wait, { depends_on: ['first'] }),
    ]);
    await eventOf(real, id, 'agent.spawned', 'second');
    const shared = join(real.files.describe(id), 'shared/context');
    await symlink(secret, join(shared, 'link'));
    utimesSync(join(shared, 'kept'), new Date(), new Date());
    const newOwner = realProject(t, { home: real.home, root: real.root });
    await real.supervisor.releaseAll();
    assert.equal(await newOwner.supervisor.takeOver(id), true);
    gate.openNow();
    const outcome = await settled(newOwner, id);
    assert.equal(outcome.state, 'completed');
    assert.deepEqual(
      outcome.of('artifact.recorded').map(({ data }) => data.path),
      ['shared/context/kept'],
    );
    assert.equal(await readFile(secret, 'utf8'), 'secret');
  });
});

describe('files that take long to read', () => {
  it('hold up nothing: others end and are controlled meanwhile, and a cancel is obeyed', async (t) => {
    const real = realProject(t);
    const { host } = real.project;
    const reading = Promise.withResolvers<void>();
    let reads = 0;
    // Reading it takes until it is aborted.
    const endless: FoundFile = {
      path: 'shared/context/disk.img',
      owner: null,
      sizeBytes: 1,
      modifiedAt: new Date().toISOString(),
      digest: (signal) => {
        reads += 1;
        reading.resolve();
        return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(null)));
      },
    };
    t.mock.method(host, 'scanArtifacts', async () => [endless]);
    const id = await start(real, [
      shell('a', 'echo done'),
      shell('long', 'sleep 300'),
      shell('b', 'sleep 300'),
    ]);
    await reading.promise;
    const long = outcome(real, id).agent('long').id;
    await requestCancel(real.project, real.supervisor, id, 'test', 'Not this one.', long);
    await eventOf(real, id, 'agent.cancelled', 'long');
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    const ended = await settled(real, id);
    assert.equal(ended.state, 'cancelled');
    assert.deepEqual(
      ['a', 'long', 'b'].map((name) => ended.agent(name).state),
      ['completed', 'cancelled', 'cancelled'],
    );
    assert.ok(reads > 0);
  });

  it('for their holes are not read at all, and the log says so', async (t) => {
    if (lacksProcesses(t, 'needs a real disk')) return;
    const real = realProject(t);
    const outcome = await run(real, [
      shell('a', 'truncate -s 12G "$MAOS_SHARED_CONTEXT/disk.img"; echo x >"$MAOS_SHARED_CONTEXT/note"'),
    ]);
    assert.equal(outcome.state, 'completed');
    assert.deepEqual(
      real.project.store.artifacts(outcome.id).map(({ path }) => path),
      ['shared/context/note'],
    );
    assert.deepEqual(skippedArtifacts(real.project.store, outcome.id), [
      'shared/context/disk.img is not recorded: 12884901888 of its 12884901888 bytes are holes',
    ]);
    assert.ok(
      real.logged.some((line) => /disk\.img is not recorded: 12884901888 of its/.test(line)),
      real.logged.join('\n'),
    );
  });
});

describe('more files than are recorded', () => {
  it('are said to be there, once, in the events and by whoever asks for the state', async (t) => {
    if (lacksProcesses(t, 'needs a real disk')) return;
    const real = realProject(t);
    const many =
      'mkdir "$MAOS_SHARED_CONTEXT/deep"; cd "$MAOS_SHARED_CONTEXT/deep"; seq -f f%.0f 10005 | xargs touch';
    const outcome = await run(real, [shell('a', many), shell('b', 'true', { depends_on: ['a'] })]);
    assert.equal(real.project.store.artifacts(outcome.id).length, 10_000);
    const facts = factsOf({ project: real.project, id: outcome.id });
    assert.equal(facts.skipped?.length, 1);
    assert.match(
      facts.skipped?.[0] ?? '',
      /^more than 10000 files or folders; those after .* are not listed$/,
    );
    assert.equal(outcome.of('artifact.skipped').length, 1);
    const lines = renderReport(facts, { paint: plainPaint, width: 200 });
    assert.ok(lines.some((line) => line.startsWith('  not recorded: more than 10000 files')));
    assert.deepEqual(summaryRecord(facts).artifacts_not_recorded, facts.skipped);
  });
});

describe('a file that is being written when it is found', () => {
  const plan = makePlan(
    planRequest({ agents: [agentRequest({ name: 'one' }), agentRequest({ name: 'two' })] }),
  );
  const { next: created } = createWorkflow(
    plan,
    { sessionId: sessionId(), suffixes: ['aaaaa1', 'aaaaa2'] },
    at,
  );
  const inStates = (...states: ('running' | 'completed')[]) => ({
    ...created,
    agents: created.agents.map((agent, index) => ({
      ...agent,
      state: states[index] ?? agent.state,
      startedAt: at,
    })),
  });
  const growing: FoundFile = {
    path: 'shared/context/log',
    owner: null,
    sizeBytes: 1,
    modifiedAt: at,
    digest: async () => ({ sizeBytes: 2, sha256: sha256('xx'), isSteady: false }),
  };
  let found = growing;
  const disk = { scanArtifacts: async () => [found] };
  const makeRecorder = () => new ArtifactRecorder(disk as Partial<AgentDisk> as AgentDisk, []);

  it('is recorded at the next look, when it is whole', async () => {
    const recorder = makeRecorder();
    found = growing;
    assert.deepEqual((await recorder.collect(inStates('running', 'running'), at)).records, []);
    found = { ...growing, digest: async () => ({ sizeBytes: 3, sha256: sha256('xxx'), isSteady: true }) };
    const { records, events } = await recorder.collect(inStates('running', 'running'), at);
    assert.deepEqual(
      records.map(({ sizeBytes, sha256: hash, candidates }) => [sizeBytes, hash, candidates]),
      [[3, sha256('xxx'), ['one', 'two']]],
    );
    assert.equal(events.length, 1);
  });

  it('is recorded by the next look when the one before it was cut short, also if that one comes to its end later', async () => {
    const recorder = makeRecorder();
    const digest = Promise.withResolvers<{ sizeBytes: number; sha256: string; isSteady: boolean }>();
    found = { ...growing, digest: () => digest.promise };
    const cut = new AbortController();
    const first = recorder.collect(inStates('running', 'running'), at, cut.signal);
    cut.abort();
    assert.deepEqual(await first, { records: [], events: [] });
    const whole = { sizeBytes: 3, sha256: sha256('xxx'), isSteady: true };
    digest.resolve(whole);
    const { records } = await recorder.collect(inStates('running', 'running'), at);
    assert.deepEqual(
      records.map(({ sizeBytes }) => sizeBytes),
      [3],
    );
  });

  it('is recorded as far as it was read at the last look', async () => {
    found = growing;
    const { records } = await makeRecorder().collect(inStates('completed', 'running'), at);
    assert.deepEqual(
      records.map(({ sizeBytes, sha256: hash }) => [sizeBytes, hash]),
      [[2, sha256('xx')]],
    );
  });
});
