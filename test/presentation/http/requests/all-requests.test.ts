import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Project } from '../../../../src/application/project.ts';
import { InputRequests } from '../../../../src/application/requests/input-requests.ts';
import type { AgentId } from '../../../../src/domain/ids.ts';
import { created, instanceId, started } from '../../../infrastructure/sqlite/samples.ts';
import { httpBench } from '../http-bench.ts';

/** A request of an agent that the store lists as running. */
function asking(project: Project, action: string) {
  const planned = created();
  const change = started(planned);
  const lease = project.store.create(planned, instanceId());
  project.store.commit(lease, planned.next, change);
  return new InputRequests(project).open({
    ...{ sessionId: lease.sessionId, agentId: change.next.agents[0]?.id as AgentId, attempt: 1, key: 'k' },
    ...{ kind: 'permission', tool: 'Bash', action, reason: null, choices: [] },
  });
}

describe('the requests of all projects', () => {
  it('are listed together, counted, and answered where they are', async (t) => {
    const bench = await httpBench(t);
    const { project: other } = await bench.otherProject();
    const made = [
      asking(bench.project, 'git push'),
      asking(other, 'rm -r dist'),
      asking(bench.project, 'npm publish'),
    ];
    const listed: unknown[] = [];
    for (let before: string | null = ''; before !== null; ) {
      const query: Record<string, string> = { all: 'true', limit: '2', ...(before === '' ? {} : { before }) };
      const { body } = await bench.http.call('listRequests', { query });
      listed.push(...body.requests.map((one: Record<string, unknown>) => [one.action, one.project]));
      before = body.next;
    }
    assert.deepEqual(listed, [
      ['npm publish', bench.root],
      ['rm -r dist', other.path],
      ['git push', bench.root],
    ]);
    const own = await bench.http.call('listRequests');
    assert.deepEqual(
      own.body.requests.map(({ action, project }: Record<string, unknown>) => [action, project]),
      [
        ['npm publish', undefined],
        ['git push', undefined],
      ],
    );
    assert.equal((await bench.http.call('getOverview')).body.open_requests, 3);

    const params = { id: made[1]?.id as string };
    assert.equal((await bench.http.call('getRequest', { params })).body.project, other.path);
    const { body } = await bench.http.call('answerRequest', { params, body: { decision: 'deny' } });
    assert.deepEqual([body.state, body.decision, body.project], ['answered', 'deny', other.path]);
    assert.equal((await bench.http.call('getOverview')).body.open_requests, 2);
    const nobody = { params: { id: `req_${'0'.repeat(26)}` }, status: 404 };
    assert.match((await bench.http.call('getRequest', nobody)).body.message, /There is no request/);
    const query = { all: 'true', session: made[0]?.sessionId as string };
    const both = await bench.http.call('listRequests', { query, status: 400 });
    assert.match(both.body.message, /not both/);
  });
});
