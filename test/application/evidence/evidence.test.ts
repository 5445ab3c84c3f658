import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gatherEvidence } from '../../../src/application/evidence/evidence.ts';
import { evidenceMarkdown } from '../../../src/presentation/cli/render/evidence-markdown.ts';
import { evidenceView } from '../../../src/presentation/contracts/evidence-view.ts';
import { lacksProcesses, realProject } from '../../helpers/real-project.ts';
import { base, first, landedSession, second } from './checked-session.ts';

describe('the evidence of a session', () => {
  it('keeps three facts apart, and says where the work landed', async (t) => {
    if (lacksProcesses(t, 'writes logs')) return;
    const real = realProject(t);
    const session = landedSession(real);
    const view = evidenceView(await gatherEvidence(real.project, session.id, null));
    const [agent] = view.agents;
    assert.ok(agent);
    assert.deepEqual(view.last_event, {
      seq: real.project.store.lastSeq(session.id),
      hash: real.project.store.maintenance.hashAt(session.id, real.project.store.lastSeq(session.id)),
    });
    assert.deepEqual(
      [agent.state, agent.task, agent.proof, agent.fix_rounds, agent.work?.commit],
      ['completed', 'Build it.', 'passed', 1, second],
    );
    assert.deepEqual(
      agent.process.map(({ attempt, event }) => [attempt, event?.type, event?.text]),
      [
        [1, 'agent.finished', 'finished in 1.5s; its work is checked next'],
        [2, 'agent.finished', 'finished in 1.5s; its work is checked next'],
      ],
    );
    assert.equal(agent.said, 'Done. Fixes #1\n![](http://x)\n```');
    assert.deepEqual(
      agent.checks.map(({ check, passed, commit, round, log }) => [check, passed, commit, round, log.state]),
      [
        [1, false, first, 0, 'unchanged'],
        [2, true, second, 1, 'unchanged'],
      ],
    );
    const [landed] = agent.landed;
    assert.equal(landed?.events[0]?.type, 'landing.moved');
    assert.deepEqual(
      landed?.checks.map(({ passed, commit }) => [passed, commit]),
      [[true, second]],
    );
    assert.deepEqual(
      view.landings.map(({ target, state }) => [target, state]),
      [['main', 'running']],
    );
  });

  it('tells when a log is not what the check printed any more', async (t) => {
    if (lacksProcesses(t, 'writes logs')) return;
    const real = realProject(t);
    const session = landedSession(real);
    const folder = (check: number) => real.project.host.checkLocation(session.agent, check);
    writeFileSync(join(folder(1), 'stdout.log'), 'ok 1\n');
    rmSync(folder(2), { recursive: true });
    const { agents } = await gatherEvidence(real.project, session.id, 'builder');
    assert.deepEqual(
      agents[0]?.checks.map(({ log }) => log.state),
      ['changed', 'missing'],
    );
  });

  it('is Markdown in which the words of agents are only text', async (t) => {
    if (lacksProcesses(t, 'writes logs')) return;
    const real = realProject(t);
    const session = landedSession(real);
    const { host, store } = real.project;
    const evidence = await gatherEvidence(real.project, session.id, null);
    const log = (check: number) => host.checkLocation(session.agent, check);
    const landing = evidence.agents[0]?.landed[0];
    const sha = (index: number) => evidence.agents[0]?.checks[index]?.report?.logSha256;
    const seq = store.lastSeq(session.id);
    assert.deepEqual(evidenceMarkdown(evidence), [
      `## Evidence of \`${session.id}\``,
      '',
      '- Objective: `Ship it.`',
      '- State: running',
      `- Began at commit \`${base}\` of \`main\``,
      `- Event log: ${seq} records, last hash \`${store.maintenance.hashAt(session.id, seq)}\``,
      `- Landing \`${landing?.sessionId}\` onto \`main\`: running`,
      '',
      '### `builder` (`qa`, `claude`): completed',
      '',
      '- Task: `Build it.`',
      `- Branch: \`maos/${session.id}/builder\`, from \`${base}\``,
      `- Commit: \`${second}\``,
      '- Changes: 3 files, +40 −2',
      '',
      '**Its process**',
      '',
      '- Attempt 1: `finished in 1.5s; its work is checked next`',
      '- Attempt 2: `finished in 1.5s; its work is checked next`',
      '',
      '**Its own words** (not verified)',
      '',
      '````text',
      '> Done. Fixes #1',
      '> ![](http://x)',
      '> ```',
      '````',
      '',
      '**Its checks**: passed after 1 fix round',
      '',
      '- Check 1: `npm test`: **failed**',
      `  - commit \`${first}\``,
      '  - 2026-01-01T00:00:20.000Z to 2026-01-01T00:00:22.000Z, `exit status 1`',
      '  - protected files taken from the base: `test/a|b.ts`',
      `  - logs in \`${log(1)}\`, 9 bytes, SHA-256 \`${sha(0)}\` (unchanged)`,
      '- Check 2: `npm test`: **passed** (fix round 1)',
      `  - commit \`${second}\``,
      '  - 2026-01-01T00:00:20.000Z to 2026-01-01T00:00:22.000Z, `exit status 0`',
      `  - logs in \`${log(2)}\`, 5 bytes, SHA-256 \`${sha(1)}\` (unchanged)`,
      '',
      `**Its landing** (\`${landing?.sessionId}\`)`,
      '',
      '- Check 1: `npm test`: **passed**',
      `  - commit \`${second}\``,
      '  - 2026-01-01T00:00:20.000Z to 2026-01-01T00:00:22.000Z, `exit status 0`',
      `  - logs in \`${landing?.checks[0]?.log.location}\`, 9 bytes, SHA-256 \`${landing?.checks[0]?.report?.logSha256}\` (unchanged)`,
      `- landed on \`main\` at \`${second}\` (2026-01-01T00:00:40.000Z)`,
      '',
      `Checks were run by MAOS, not by the agents. \`maos audit verify ${session.id}\` verifies this record and the logs.`,
    ]);
  });
});
