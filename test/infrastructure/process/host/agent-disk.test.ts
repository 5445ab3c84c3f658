import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
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
import { type AgentId, parseAgentId, type SessionId } from '../../../../src/domain/ids.ts';
import { ownerOfPath } from '../../../../src/infrastructure/files/home/layout.ts';
import { makeSessionFiles } from '../../../../src/infrastructure/files/session/session-files.ts';
import { makeAgentDisk } from '../../../../src/infrastructure/process/host/agent-disk.ts';
import { sampleWorkflow, sessionId } from '../../files/sample-workflow.ts';

const root = mkdtempSync(join(tmpdir(), 'maos-agent-disk-'));
after(() => rmSync(root, { recursive: true, force: true }));

const project = join(root, 'project');
const files = makeSessionFiles({ projectFolder: project, projectRoot: '/srv/shop' });
const disk = makeAgentDisk({ projectFolder: project, projectRoot: '/srv/shop' });
const folderOf = ({ id }: Agent): string => disk.folderOf({ sessionId, agentId: id });
const workflow = sampleWorkflow();
const [writer, reviewer] = workflow.agents as [Agent, Agent];
const session = join(project, 'sessions', sessionId);

before(async () => {
  await files.prepareSession(workflow);
  await disk.prepare(writer, 'Write the spec.\n');
  await disk.prepare(reviewer, 'Review it.\n');
  await Promise.all([writer, reviewer].map((agent) => files.writeInfo(agent)));
});

describe('the room of an agent', () => {
  it('is made ahead of its start, and holds nothing that counts as printed', async () => {
    const next = { ...writer, id: parseAgentId('agent_writer_9_zzzzzz'), name: 'next' };
    await disk.makeRoom(next);
    await disk.makeRoom(next);
    for (const name of ['workspace', 'prompt.md', 'stdout.log', 'stderr.log']) {
      assert.equal(statSync(join(folderOf(next), name)).mode & 0o077, 0, name);
    }
    assert.ok(existsSync(join(session, 'results/next')));
    assert.equal(await disk.lastOutputAt(next), null);
    await disk.prepare(next, 'Go.\n');
    assert.equal(readFileSync(join(folderOf(next), 'prompt.md'), 'utf8'), 'Go.\n');
  });
});

describe('the places of an agent', () => {
  it('are where its prompt and environment say', () => {
    const { session: started } = workflow;
    const { artifact, ...places } = disk.locations(started, writer);
    assert.equal(artifact('shared/context/spec.md'), join(session, 'shared/context/spec.md'));
    assert.deepEqual(places, {
      session,
      projectRoot: '/srv/shop',
      workingDirectory: '/srv/shop',
      workspace: join(session, 'agents', writer.id, 'workspace'),
      sharedContext: join(session, 'shared/context'),
      results: join(session, 'results/writer'),
      messages: join(session, 'shared/messages'),
    });
    assert.equal(
      disk.locations(started, reviewer).workingDirectory,
      join(session, 'agents', reviewer.id, 'workspace'),
    );
    const inFolder = disk.locations({ ...started, folder: '/srv/shop/web' }, writer);
    assert.deepEqual([inFolder.projectRoot, inFolder.workingDirectory], ['/srv/shop/web', '/srv/shop/web']);
  });

  it('know whose a result is by its folder', () => {
    assert.equal(ownerOfPath('results/writer/report.md'), 'writer');
    assert.equal(ownerOfPath('results/writer/deep/report.md'), 'writer');
    for (const path of ['results/report.md', 'shared/context/writer/x', 'results/../x', '', 'results']) {
      assert.equal(ownerOfPath(path), null, path);
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
      assert.throws(() => disk.folderOf({ sessionId, agentId: asAgent }), refusal);
      assert.throws(() => disk.folderOf({ sessionId: asSession, agentId: writer.id }), refusal);
      assert.throws(() => disk.locations(workflow.session, { ...writer, id: asAgent }), refusal);
      await assert.rejects(disk.prepare({ ...writer, sessionId: asSession }, ''), refusal);
      await assert.rejects(disk.scanArtifacts(asSession), refusal);
      await assert.rejects(disk.readArtifact(asSession, 'results/a', 10), refusal);
      await assert.rejects(disk.readOutput({ ...writer, id: asAgent }, 'stdout', 0, 10), refusal);
    });
  }

  for (const name of ['..', '.', '', 'a/b', '../x', 'a\n', 'a\0', '-x', '/etc']) {
    it(`refuse ${JSON.stringify(name)} as an agent's name`, async () => {
      await assert.rejects(disk.prepare({ ...writer, name }, ''), { code: 'INVALID_INPUT' });
    });
  }
});

describe("an agent's output", () => {
  const text = (page: { bytes: Uint8Array }): string => Buffer.from(page.bytes).toString();

  it('is empty before there is any', async () => {
    const page = await disk.readOutput(writer, 'stderr', 5, 100);
    assert.deepEqual([text(page), page.start, page.size], ['', 0, 0]);
  });

  it('of a check is apart from its own, and has one digest for both streams', async () => {
    assert.equal(await disk.digestCheck(writer, 2), null);
    const folder = disk.checkLocation(writer, 2);
    assert.equal(folder, join(folderOf(writer), 'checks/2'));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'stderr.log'), 'not ok\n');
    const sha256Of = (all: string) => createHash('sha256').update(all).digest('hex');
    assert.deepEqual(await disk.digestCheck(writer, 2), { bytes: 7, sha256: sha256Of('not ok\n') });
    writeFileSync(join(folder, 'stdout.log'), '1..1\n');
    assert.deepEqual(await disk.digestCheck(writer, 2), { bytes: 12, sha256: sha256Of('1..1\nnot ok\n') });
    assert.equal(text(await disk.readOutput(writer, 'stderr', -3, 9, 2)), 'ok\n');
    assert.equal(text(await disk.readOutput(writer, 'stderr', 0, 9)), '');
    assert.equal(text(await disk.readOutput(writer, 'stdout', 0, 9, 1)), '');
    await assert.rejects(disk.readOutput(writer, 'stdout', 0, 9, 0), { code: 'INVALID_INPUT' });
    mkdirSync(disk.checkLocation(writer, 3));
    symlinkSync('/etc/hostname', join(disk.checkLocation(writer, 3), 'stdout.log'));
    await assert.rejects(disk.digestCheck(writer, 3), { code: 'FORBIDDEN' });
  });

  it('of a check is its own, whatever an agent has written there before', async () => {
    const folder = disk.checkLocation(writer, 4);
    mkdirSync(folder, { recursive: true });
    for (const name of ['launch.1', 'exit.json', 'stdout.log', 'stderr.log', 'tree.setup.log']) {
      writeFileSync(join(folder, name), 'x');
    }
    mkdirSync(join(folder, 'launch.2'));
    await disk.clearCheck(writer, 4);
    assert.deepEqual(readdirSync(folder), ['tree.setup.log']);
    const elsewhere = join(folderOf(writer), 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'stdout.log'), 'x');
    symlinkSync(elsewhere, disk.checkLocation(writer, 5));
    await disk.clearCheck(writer, 5);
    assert.deepEqual(readdirSync(disk.checkLocation(writer, 5)), []);
    assert.deepEqual(readdirSync(elsewhere), ['stdout.log']);
  });

  it('is read in pages, from the start or the end', async () => {
    writeFileSync(join(folderOf(writer), 'stdout.log'), '0123456789');
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
      const page = await disk.readOutput(writer, 'stdout', from, maxBytes);
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
      await assert.rejects(disk.readOutput(writer, 'stdout', from, maxBytes), { code: 'INVALID_INPUT' });
    }
  });

  it('is not read through a link', async () => {
    symlinkSync('/etc/passwd', join(folderOf(reviewer), 'stdout.log'));
    await assert.rejects(disk.readOutput(reviewer, 'stdout', 0, 100), { code: 'FORBIDDEN' });
  });
});

describe('artifacts', () => {
  it('are found in shared context and results, with their hash', async () => {
    writeFileSync(join(session, 'shared/context/spec.md'), '# Spec');
    writeFileSync(join(session, 'results/writer/report.md'), '');
    writeFileSync(join(session, 'shared/messages/not-an-artifact'), 'x');
    const found = await disk.scanArtifacts(sessionId);
    assert.deepEqual(
      found.map((file) => [file.path, file.owner, file.sizeBytes]),
      [
        ['results/writer/report.md', 'writer', 0],
        ['shared/context/spec.md', null, 6],
      ],
    );
    assert.match(found[0]?.modifiedAt ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const sha256 = createHash('sha256').update('# Spec').digest('hex');
    assert.deepEqual(await found[1]?.digest(), { sizeBytes: 6, sha256, isSteady: true });
    assert.equal(
      Buffer.from(await disk.readArtifact(sessionId, 'shared/context/spec.md', 6)).toString(),
      '# Spec',
    );
  });

  it('are none in a session that was never prepared', async () => {
    const other = sessionId.replace(/Z$/, 'X') as SessionId;
    assert.deepEqual(await disk.scanArtifacts(other), []);
  });
});
