import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SessionStore } from '../../../src/application/ports/session-store.ts';
import type { Teams } from '../../../src/application/ports/teams.ts';
import type { AgentId, SessionId } from '../../../src/domain/ids.ts';
import type { ParentAgent } from '../../../src/domain/session.ts';
import { outcome, realProject, run, settled, shell, start } from '../../helpers/real-project.ts';

const parent: ParentAgent = {
  sessionId: 'sess_01K0ABCDEFGHJKMNPQRSTVWXYZ' as SessionId,
  agentId: 'agent_lead_1_abcdef' as AgentId,
};

interface Asked extends ParentAgent {
  readonly desired: string;
  readonly reason: string;
  /** Of the agent, as it was stored then. */
  readonly stored: string | undefined;
}

/** Remembers what is asked of teams, and how the store tells of the agent at that time. */
class RecordedTeams implements Teams {
  readonly noted: ParentAgent[] = [];
  readonly asked: Asked[] = [];
  store: SessionStore | null = null;

  note(noted: ParentAgent): void {
    this.noted.push(noted);
  }

  async ask({ sessionId, agentId }: ParentAgent, desired: string, reason: string): Promise<void> {
    const agents = this.store?.load(sessionId).agents;
    const stored = agents?.find(({ id }) => id === agentId)?.state;
    this.asked.push({ sessionId, agentId, desired, reason, stored });
  }
}

describe('a session of a maos inside an agent', () => {
  it('has that agent as its parent, which is written down first', async (t) => {
    const teams = new RecordedTeams();
    const real = realProject(t, { parent, teams });
    const id = await start(real, [shell('a', 'true')]);
    assert.deepEqual(teams.noted, [{ ...parent, onEnd: 'cancel' }]);
    assert.deepEqual(real.project.store.load(id).session.parent, { ...parent, onEnd: 'cancel' });
    assert.deepEqual(
      real.project.store.teamsOf(parent).map(({ sessionId }) => sessionId),
      [id],
    );
    await settled(real, id);
    assert.deepEqual(real.project.store.teamsOf(parent), []);
  });

  it('is none of the teams that end with the agent where the plan says so', async (t) => {
    const teams = new RecordedTeams();
    const real = realProject(t, { parent, teams });
    const printed = await run(real, [shell('a', 'echo "$MAOS_DETACHED"; sleep 0.2')], {
      on_parent_end: 'keep',
    });
    assert.deepEqual(teams.noted, []);
    assert.equal(printed.agent('a').result, '1');
    assert.deepEqual(real.project.store.load(printed.id).session.parent, { ...parent, onEnd: 'keep' });
  });
});

describe('the teams of an agent', () => {
  it('are asked to end before its end is stored; those of an agent that never ran are not', async (t) => {
    const teams = new RecordedTeams();
    const real = realProject(t, { teams });
    teams.store = real.project.store;
    const ended = await run(real, [
      shell('good', 'true'),
      shell('bad', 'false'),
      shell('never', 'true', { depends_on: ['bad'] }),
    ]);
    const expected = ['good', 'bad'].map((name) => {
      const { id, state } = ended.agent(name);
      const reason = `Agent ${id}, which started this team, has ended (${state}).`;
      return { sessionId: ended.id, agentId: id, desired: 'cancelled', reason, stored: 'running' };
    });
    const byReason = (a: Asked, b: Asked) => a.reason.localeCompare(b.reason);
    assert.deepEqual(teams.asked.toSorted(byReason), expected.toSorted(byReason));
  });

  it('are asked to pause when it is interrupted, and to end when it is cancelled while resumable', async (t) => {
    const teams = new RecordedTeams();
    const real = realProject(t, { teams });
    teams.store = real.project.store;
    const id = await start(real, [shell('a', 'sleep 300')]);
    while (outcome(real, id).of('agent.spawned').length === 0)
      await new Promise((resolve) => real.project.clock.after(20, () => resolve(null)));
    real.supervisor.interrupt(id, 'The maos exits.');
    assert.equal((await settled(real, id)).agent('a').state, 'resumable');
    const told = () => teams.asked.map(({ desired, stored }) => ({ desired, stored }));
    assert.deepEqual(told(), [{ desired: 'paused', stored: 'running' }]);
    const request = { sessionId: id, agentId: null, desired: 'cancelled', reason: 'Enough.' } as const;
    real.project.store.request(request, 'test', real.project.clock.now());
    // Nobody runs it, and still the request is not lost.
    real.watch.start();
    while (outcome(real, id).state !== 'cancelled')
      await new Promise((resolve) => real.project.clock.after(20, () => resolve(null)));
    assert.deepEqual(told(), [
      { desired: 'paused', stored: 'running' },
      { desired: 'cancelled', stored: 'resumable' },
    ]);
  });
});
