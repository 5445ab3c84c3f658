import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { findAgent, findSession, type Projects } from '../../../src/application/queries/lookup.ts';
import { systemClock } from '../../../src/infrastructure/clock.ts';
import { type RealProject, realProject, run, shell } from '../../helpers/real-project.ts';

/** Lookups from the first project. */
function among(...projects: readonly RealProject[]): Projects {
  return {
    present: async () => projects[0]?.project ?? null,
    async *all() {
      for (const { project } of projects) yield project;
    },
  };
}

/** Two projects with two sessions each; the last session is the newest. */
async function twoProjects(
  t: TestContext,
): Promise<{ here: RealProject; there: RealProject; ids: string[] }> {
  const [here, there] = [realProject(t), realProject(t)];
  const ids: string[] = [];
  for (const real of [here, here, there, there]) ids.push((await run(real, [shell('a', 'true')])).id);
  return { here, there, ids };
}

describe('a session is found', () => {
  it('by its id, in whichever project', async (t) => {
    const { here, there, ids } = await twoProjects(t);
    for (const [index, id] of ids.entries()) {
      const found = await findSession(among(here, there), id);
      assert.deepEqual([found.id, found.project], [id, index < 2 ? here.project : there.project]);
    }
  });

  it('by a part of its start or end, with or without sess_, in any case', async (t) => {
    const { here, there, ids } = await twoProjects(t);
    const [, second = ''] = ids;
    for (const text of [
      second.slice(0, -1),
      second.slice(5, -1),
      second.slice(-8),
      second.slice(-8).toLowerCase(),
    ]) {
      assert.equal((await findSession(among(here, there), text)).id, second, text);
    }
  });

  it("as 'latest': the newest of the present project, or of all of them if asked for", async (t) => {
    const { here, there, ids } = await twoProjects(t);
    const empty = realProject(t);
    assert.equal((await findSession(among(here, there), 'latest')).id, ids[1]);
    assert.equal((await findSession(among(here, there), 'latest', 'everywhere')).id, ids[3]);
    assert.equal((await findSession(among(there, here), 'latest', 'everywhere')).id, ids[3]);
    for (const projects of [among(empty, there), { ...among(there), present: async () => null }]) {
      await assert.rejects(findSession(projects, 'latest'), {
        code: 'SESSION_NOT_FOUND',
        message: /^There is no session in this project yet\..*full id or use --all/,
      });
      assert.equal((await findSession(projects, 'latest', 'everywhere')).id, ids[3]);
    }
  });

  it("as 'latest' of all by its id, whatever clock its project went by", async (t) => {
    const { now, elapsedMs, after } = systemClock;
    const tomorrow = () => new Date(Date.parse(now()) + 86_400_000).toISOString();
    const [ahead, here] = [realProject(t, { clock: { now: tomorrow, elapsedMs, after } }), realProject(t)];
    await run(ahead, [shell('a', 'true')]);
    const { id } = await run(here, [shell('a', 'true')]);
    for (const projects of [among(ahead, here), among(here, ahead)]) {
      assert.equal((await findSession(projects, 'latest', 'everywhere')).id, id);
    }
  });

  it('in another project only by its whole id, unless all are asked for', async (t) => {
    const { here, there, ids } = await twoProjects(t);
    const [, , third = ''] = ids;
    for (const text of [third.slice(0, -1), third.slice(-8), third.slice(-8).toLowerCase()]) {
      await assert.rejects(findSession(among(here, there), text), {
        code: 'SESSION_NOT_FOUND',
        message: `There is no session "${text}" in this project. 'maos list' (list-sessions) lists the sessions. For another project, give the full id or use --all.`,
      });
      assert.equal((await findSession(among(here, there), text, 'everywhere')).id, third);
    }
    for (const text of [third, third.toLowerCase(), third.slice('sess_'.length)]) {
      assert.equal((await findSession(among(here, there), text)).id, third);
    }
    const part = third.slice(0, 9);
    await assert.rejects(findSession(among(there, here), part, 'everywhere'), {
      message: `"${part}" matches more than one session: ${[ids[3], ids[2], ids[1], ids[0]].join(', ')}. Give more characters.`,
    });
  });

  it('not when several could be meant: they are named', async (t) => {
    const { here, ids } = await twoProjects(t);
    const text = ids[0]?.slice(0, 9) ?? '';
    await assert.rejects(findSession(among(here), text), {
      code: 'SESSION_NOT_FOUND',
      message: `"${text}" matches more than one session: ${ids[1]}, ${ids[0]}. Give more characters.`,
      details: { reference: text, matches: [ids[1], ids[0]] },
    });
  });

  it('not when there is none, or the text cannot be a part of an id', async (t) => {
    const real = realProject(t);
    await assert.rejects(findSession(among(real), 'latest'), {
      code: 'SESSION_NOT_FOUND',
      message: /^There is no session in this project yet\./,
    });
    await run(real, [shell('a', 'true')]);
    await assert.rejects(findSession(among(real), 'ZZZZ'), {
      code: 'SESSION_NOT_FOUND',
      message:
        /^There is no session "ZZZZ" in this project\. 'maos list' \(list-sessions\) lists the sessions\./,
    });
    for (const text of ['', '../../etc/passwd', 'a\0b', 'a\nb', '%', 'sess_*', 'x'.repeat(200), "' OR 1=1"]) {
      await assert.rejects(findSession(among(real), text), {
        code: 'INVALID_INPUT',
        message: /is not valid as a session/,
      });
    }
    // SQL wildcards match only themselves.
    for (const text of ['_', '__________']) {
      await assert.rejects(findSession(among(real), text), { code: 'SESSION_NOT_FOUND' });
    }
  });
});

describe('an agent is found', () => {
  it('by its id or a part of it, and otherwise not', async (t) => {
    const real = realProject(t);
    const outcome = await run(real, [
      shell('one', 'true', { role: 'qa' }),
      shell('two', 'true', { role: 'qa' }),
      shell('three', 'true', { role: 'pm' }),
    ]);
    const { id } = outcome.agent('two');
    for (const text of [id, id.slice(0, -1), id.slice(6), 'qa_2', id.slice(-6)]) {
      const { agent, project } = await findAgent(among(real), text);
      assert.deepEqual([agent.name, agent.sessionId, project], ['two', outcome.id, real.project], text);
    }
    assert.equal((await findAgent(among(real), 'pm')).agent.name, 'three');
    await assert.rejects(findAgent(among(real), 'qa'), {
      code: 'AGENT_NOT_FOUND',
      message: /more than one agent/,
    });
    await assert.rejects(findAgent(among(real), 'devops'), {
      code: 'AGENT_NOT_FOUND',
      message:
        /^There is no agent "devops" in this project\. 'maos status SESSION' \(session-status\) lists the agents of a session\./,
    });
    await assert.rejects(findAgent(among(real), '../x'), {
      code: 'INVALID_INPUT',
      message: /is not valid as an agent/,
    });
  });

  it('in another project only by its whole id, unless all are asked for', async (t) => {
    const [here, there] = [realProject(t), realProject(t)];
    const { id } = (await run(there, [shell('one', 'true', { role: 'qa' })])).agent('one');
    assert.equal((await findAgent(among(here, there), id)).agent.id, id);
    await assert.rejects(findAgent(among(here, there), id.slice(0, -1)), { code: 'AGENT_NOT_FOUND' });
    await assert.rejects(findAgent(among(here, there), 'qa'), { code: 'AGENT_NOT_FOUND' });
    assert.equal((await findAgent(among(here, there), 'qa', 'everywhere')).agent.id, id);
  });
});
