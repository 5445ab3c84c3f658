import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InputRequests } from '../../../src/application/requests/input-requests.ts';
import { eventOf, realProject, settled, shell, start } from '../../helpers/real-project.ts';

describe('the owner of a session', () => {
  it('expires what its agents asked in time, though nobody looks, and withdraws the rest when they end', async (t) => {
    const real = realProject(t, { settings: { approvals: { rules: [], expireMs: 250 } } });
    const { project } = real;
    const id = await start(real, [shell('asker', 'until [ -e go ]; do sleep 0.05; done')]);
    await eventOf(real, id, 'agent.spawned', 'asker');
    const agentId = project.store.load(id).agents[0]?.id ?? assert.fail();
    const ask = (key: string, requests: InputRequests) =>
      requests.open({
        ...{ sessionId: id, agentId, attempt: 1, key, kind: 'permission', tool: 'Bash' },
        ...{ action: 'git push', reason: null, choices: [] },
      });
    const first = ask('1', new InputRequests(project));
    const expired = await eventOf(real, id, 'request.expired');
    assert.equal(expired.data.id, first.id);
    const patient = { ...project.settings, approvals: { rules: [], expireMs: 60_000 } };
    const second = ask('2', new InputRequests({ ...project, settings: patient }));
    project.store.request(
      { sessionId: id, agentId: null, desired: 'cancelled', reason: 'Enough.' },
      'test',
      project.clock.now(),
    );
    project.watcher.notify();
    const { of } = await settled(real, id);
    assert.deepEqual(
      of('request.withdrawn').map(({ data }) => data.id),
      [second.id],
    );
    const [cancelled] = of('agent.cancelled');
    assert.ok((of('request.withdrawn')[0]?.seq ?? 0) < (cancelled?.seq ?? 0));
  });
});
