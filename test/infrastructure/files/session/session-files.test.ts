import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Agent } from '../../../../src/domain/agent.ts';
import type { AgentId, SessionId } from '../../../../src/domain/ids.ts';
import { isTemporaryName } from '../../../../src/infrastructure/files/disk/atomic.ts';
import { makeSessionFiles } from '../../../../src/infrastructure/files/session/session-files.ts';
import { makeAgentDisk } from '../../../../src/infrastructure/process/host/agent-disk.ts';
import { sampleEvents, sampleWorkflow, sessionId } from '../sample-workflow.ts';
import { withSmallDisk } from '../small-disk.ts';

const root = mkdtempSync(join(tmpdir(), 'maos-session-files-'));
after(() => rmSync(root, { recursive: true, force: true }));

const project = join(root, 'project');
const files = makeSessionFiles({ projectFolder: project, projectRoot: '/srv/shop' });
const disk = makeAgentDisk({ projectFolder: project, projectRoot: '/srv/shop' });
const workflow = sampleWorkflow();
const [writer, reviewer] = workflow.agents as [Agent, Agent];
const session = join(project, 'sessions', sessionId);
const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

before(async () => {
  await files.prepareSession(workflow);
  await disk.prepare(writer, 'Write the spec.\n');
  await disk.prepare(reviewer, 'Review it.\n');
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
    await disk.prepare(writer, 'Write the spec.\n');
    assert.equal(readFileSync(join(session, 'results/writer/kept.md'), 'utf8'), 'kept');
    rmSync(join(session, 'results/writer/kept.md'));
  });

  it('tell what an agent is, and its prompt', () => {
    assert.equal(
      readFileSync(join(disk.folderOf({ sessionId, agentId: writer.id }), 'prompt.md'), 'utf8'),
      'Write the spec.\n',
    );
    const { agent } = readJson(join(disk.folderOf({ sessionId, agentId: reviewer.id }), 'info.json'));
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
      const refusal = { code: 'INVALID_INPUT' };
      assert.throws(() => files.describe(asSession), refusal);
      await assert.rejects(
        files.writeMetadata({ ...workflow, session: { ...workflow.session, id: asSession } }),
        refusal,
      );
      await assert.rejects(files.appendLog(asSession, sampleEvents(1, 1)), refusal);
      await assert.rejects(files.lastLogged(asSession), refusal);
    });
  }
});
