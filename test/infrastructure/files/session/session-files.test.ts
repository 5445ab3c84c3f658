import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Agent } from '../../../../src/domain/agent.ts';
import type { AgentId, SessionId } from '../../../../src/domain/ids.ts';
import { isTemporaryName } from '../../../../src/infrastructure/files/disk/atomic.ts';
import { makeSessionFiles } from '../../../../src/infrastructure/files/session/session-files.ts';
import { sampleEvents, sampleWorkflow, sessionId } from '../sample-workflow.ts';
import { withSmallDisk } from '../small-disk.ts';

const root = mkdtempSync(join(tmpdir(), 'maos-session-files-'));
after(() => rmSync(root, { recursive: true, force: true }));

const project = join(root, 'project');
const files = makeSessionFiles({ projectFolder: project, projectRoot: '/srv/shop' });
const workflow = sampleWorkflow();
const [writer, reviewer] = workflow.agents as [Agent, Agent];
const session = join(project, 'sessions', sessionId);
const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

before(async () => {
  await files.prepareSession(workflow);
  await files.prepareAgent(writer, 'Write the spec.\n');
  await files.prepareAgent(reviewer, 'Review it.\n');
  await Promise.all([writer, reviewer].map((agent) => files.writeInfo(agent)));
});

describe('the files of a session', () => {
  it('have the layout of the contract and are closed to others', async () => {
    await files.appendLog(sessionId, sampleEvents(1, 2));
    const found = readdirSync(session, { recursive: true, encoding: 'utf8' }).sort();
    const agent = (id: AgentId): string[] =>
      ['', '/info.json', '/prompt.md', '/workspace'].map((name) => `agents/${id}${name}`);
    assert.deepEqual(found, [
      'agents',
      ...agent(writer.id),
      ...agent(reviewer.id),
      'environment.json',
      'metadata.json',
      'results',
      'results/reviewer',
      'results/writer',
      'session.log',
      'shared',
      'shared/context',
      'shared/messages',
    ]);
    for (const path of ['', ...found]) {
      const stats = statSync(join(session, path));
      assert.equal(stats.mode & 0o777, stats.isDirectory() ? 0o700 : 0o600, path);
    }
    assert.equal(await files.lastLogged(sessionId), 2);
    assert.equal(files.describe(sessionId), session);
  });

  it('can be prepared again without loss', async () => {
    writeFileSync(join(session, 'results/writer/kept.md'), 'kept');
    await files.prepareSession(workflow);
    await files.prepareAgent(writer, 'Write the spec.\n');
    assert.equal(readFileSync(join(session, 'results/writer/kept.md'), 'utf8'), 'kept');
    rmSync(join(session, 'results/writer/kept.md'));
  });

  it('tell what an agent is, and its prompt', () => {
    assert.equal(
      readFileSync(join(files.agentFolder(sessionId, writer.id), 'prompt.md'), 'utf8'),
      'Write the spec.\n',
    );
    const { agent } = readJson(join(files.agentFolder(sessionId, reviewer.id), 'info.json'));
    assert.equal(agent.name, 'reviewer');
    assert.deepEqual(agent.dependsOn, [writer.id]);
    assert.ok(!('state' in agent), 'a state would be wrong a moment later');
  });

  it('keep the newest metadata of many written at once', async () => {
    const versions = Array.from({ length: 30 }, (_, index) => sampleWorkflow(`Objective ${index}`));
    await Promise.all(versions.map((version) => files.writeMetadata(version)));
    const metadata = readJson(join(session, 'metadata.json'));
    assert.equal(metadata.session.objective, 'Objective 29');
    assert.equal(metadata.projectRoot, '/srv/shop');
    assert.deepEqual(metadata.agents[1].dependsOn, ['writer']);
    assert.equal(metadata.progress.pending, 2);
    assert.deepEqual(readdirSync(session).filter(isTemporaryName), []);
  });

  it('report failed metadata to every caller, and recover', async (t) => {
    await withSmallDisk(t, async (folder) => {
      const small = makeSessionFiles({ projectFolder: folder, projectRoot: '/srv/shop' });
      await small.prepareSession(workflow);
      writeFileSync(join(folder, 'ballast'), Buffer.alloc(56_000));
      const big = sampleWorkflow('x'.repeat(9_000));
      const outcomes = await Promise.allSettled([small.writeMetadata(big), small.writeMetadata(big)]);
      assert.deepEqual(
        outcomes.map((outcome) => outcome.status),
        ['rejected', 'rejected'],
      );
      rmSync(join(folder, 'ballast'));
      await small.writeMetadata(big);
    });
  });

  it('say where an agent finds its places', () => {
    const { session: started } = workflow;
    assert.deepEqual(files.locations(started, writer), {
      session,
      projectRoot: '/srv/shop',
      workingDirectory: '/srv/shop',
      workspace: join(session, 'agents', writer.id, 'workspace'),
      sharedContext: join(session, 'shared/context'),
      results: join(session, 'results/writer'),
      messages: join(session, 'shared/messages'),
    });
    assert.equal(
      files.locations(started, reviewer).workingDirectory,
      join(session, 'agents', reviewer.id, 'workspace'),
    );
    const inFolder = files.locations({ ...started, folder: '/srv/shop/web' }, writer);
    assert.deepEqual([inFolder.projectRoot, inFolder.workingDirectory], ['/srv/shop/web', '/srv/shop/web']);
  });

  it('know whose a result is by its folder', () => {
    assert.equal(files.ownerByPath('results/writer/report.md'), 'writer');
    assert.equal(files.ownerByPath('results/writer/deep/report.md'), 'writer');
    for (const path of ['results/report.md', 'shared/context/writer/x', 'results/../x', '', 'results']) {
      assert.equal(files.ownerByPath(path), null, path);
    }
  });

  const tricks = [
    '',
    '.',
    '..',
    '../..',
    '/etc',
    'sess_',
    `${sessionId}/..`,
    `${sessionId}\n`,
    `${sessionId}\0`,
    sessionId.toLowerCase(),
  ];
  for (const trick of tricks) {
    it(`refuse ${JSON.stringify(trick)} as an id`, async () => {
      const asSession = trick as SessionId;
      const asAgent = trick as AgentId;
      const refusal = { code: 'INVALID_INPUT' };
      assert.throws(() => files.describe(asSession), refusal);
      assert.throws(() => files.agentFolder(sessionId, asAgent), refusal);
      assert.throws(() => files.agentFolder(asSession, writer.id), refusal);
      assert.throws(() => files.locations(workflow.session, { ...writer, id: asAgent }), refusal);
      await assert.rejects(files.prepareAgent({ ...writer, sessionId: asSession }, ''), refusal);
      await assert.rejects(
        files.writeMetadata({ ...workflow, session: { ...workflow.session, id: asSession } }),
        refusal,
      );
      await assert.rejects(files.appendLog(asSession, sampleEvents(1, 1)), refusal);
      await assert.rejects(files.lastLogged(asSession), refusal);
      await assert.rejects(files.scanArtifacts(asSession), refusal);
      await assert.rejects(files.readArtifact(asSession, 'results/a', 10), refusal);
      await assert.rejects(files.readOutput({ ...writer, id: asAgent }, 'stdout', 0, 10), refusal);
    });
  }

  for (const name of ['..', '.', '', 'a/b', '../x', 'a\n', 'a\0', '-x', '/etc']) {
    it(`refuse ${JSON.stringify(name)} as an agent's name`, async () => {
      await assert.rejects(files.prepareAgent({ ...writer, name }, ''), { code: 'INVALID_INPUT' });
    });
  }
});

describe("an agent's output", () => {
  const text = (page: { bytes: Uint8Array }): string => Buffer.from(page.bytes).toString();

  it('is empty before there is any', async () => {
    const page = await files.readOutput(writer, 'stderr', 5, 100);
    assert.deepEqual([text(page), page.start, page.size], ['', 0, 0]);
  });

  it('is read in pages, from the start or the end', async () => {
    writeFileSync(join(files.agentFolder(sessionId, writer.id), 'stdout.log'), '0123456789');
    const cases: [from: number, maxBytes: number, expected: string, start: number][] = [
      [0, 4, '0123', 0],
      [4, 100, '456789', 4],
      [-3, 100, '789', 7],
      [-3, 2, '78', 7],
      [-50, 100, '0123456789', 0],
      [10, 5, '', 10],
      [99, 5, '', 10],
      [2, 0, '', 2],
    ];
    for (const [from, maxBytes, expected, start] of cases) {
      const page = await files.readOutput(writer, 'stdout', from, maxBytes);
      assert.deepEqual([text(page), page.start, page.size], [expected, start, 10], `${from}, ${maxBytes}`);
    }
  });

  it('is not asked for by half numbers', async () => {
    for (const [from, maxBytes] of [
      [Number.NaN, 1],
      [0.5, 1],
      [0, -1],
      [0, Number.POSITIVE_INFINITY],
    ] as const) {
      await assert.rejects(files.readOutput(writer, 'stdout', from, maxBytes), { code: 'INVALID_INPUT' });
    }
  });

  it('is not read through a link', async () => {
    symlinkSync('/etc/passwd', join(files.agentFolder(sessionId, reviewer.id), 'stdout.log'));
    await assert.rejects(files.readOutput(reviewer, 'stdout', 0, 100), { code: 'FORBIDDEN' });
  });
});

describe('artifacts', () => {
  it('are found in shared context and results, with their hash', async () => {
    writeFileSync(join(session, 'shared/context/spec.md'), '# Spec');
    writeFileSync(join(session, 'results/writer/report.md'), '');
    writeFileSync(join(session, 'shared/messages/not-an-artifact'), 'x');
    const found = await files.scanArtifacts(sessionId);
    assert.deepEqual(
      found.map((file) => [file.path, file.sizeBytes]),
      [
        ['results/writer/report.md', 0],
        ['shared/context/spec.md', 6],
      ],
    );
    assert.match(found[0]?.modifiedAt ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const sha256 = createHash('sha256').update('# Spec').digest('hex');
    assert.deepEqual(await found[1]?.digest(), { sizeBytes: 6, sha256, isSteady: true });
    assert.equal(
      Buffer.from(await files.readArtifact(sessionId, 'shared/context/spec.md', 6)).toString(),
      '# Spec',
    );
  });

  it('are none in a session that was never prepared', async () => {
    const other = sessionId.replace(/Z$/, 'X') as SessionId;
    assert.deepEqual(await files.scanArtifacts(other), []);
  });
});
