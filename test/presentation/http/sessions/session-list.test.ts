import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { agentRequest, planRequest } from '../../../domain/samples.ts';
import { httpBench } from '../http-bench.ts';

describe('/api/sessions', () => {
  it('lists the sessions of every project, newest first, page by page', async (t) => {
    const bench = await httpBench(t);
    const { project: other } = await bench.otherProject();
    const made = Array.from({ length: 7 }, (_, index) => {
      const project = index % 3 === 0 ? other : bench.project;
      const { session } = bench.store(
        planRequest([agentRequest()], { objective: `Number ${index}.` }),
        project,
      );
      return [session.id, project.path];
    }).reverse();
    const listed: unknown[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: Record<string, string> = { limit: '3', ...(cursor === '' ? {} : { cursor }) };
      const { body } = await bench.http.call('listSessions', { query });
      listed.push(...body.sessions.map((one: Record<string, unknown>) => [one.session_id, one.project]));
      cursor = body.next;
    }
    assert.deepEqual(listed, made);
  });

  it('finds by state, project and text, and names what it does not know', async (t) => {
    const bench = await httpBench(t);
    const { project: other } = await bench.otherProject();
    const login = bench.store(planRequest([agentRequest()], { objective: 'Fix the LOGIN.' })).session.id;
    const logout = bench.store(planRequest([agentRequest()], { objective: 'Fix the logout.' }), other).session
      .id;
    const found = async (query: Record<string, string>) => {
      const { body } = await bench.http.call('listSessions', { query });
      return body.sessions.map((one: Record<string, unknown>) => one.session_id);
    };
    assert.deepEqual(await found({ q: 'log' }), [logout, login]);
    assert.deepEqual(await found({ q: 'login' }), [login]);
    assert.deepEqual(await found({ q: logout.slice(-9).toLowerCase() }), [logout]);
    assert.deepEqual(await found({ project: other.path }), [logout]);
    assert.deepEqual(await found({ project: bench.root, state: 'created', q: 'fix' }), [login]);
    assert.deepEqual(await found({ state: 'completed' }), []);
    const unknown = await bench.http.call('listSessions', { query: { project: '/nowhere' }, status: 404 });
    assert.match(unknown.body.message, /There is no project "\/nowhere"/);
    for (const query of [
      { state: 'odd' },
      { limit: '0' },
      { limit: '201' },
      { cursor: 'x' },
      { stat: 'x' },
    ]) {
      const wrong = await bench.http.call('listSessions', {
        query: query as Record<string, string>,
        status: 400,
      });
      assert.match(wrong.body.message, /^query: /);
    }
  });

  it('is empty for a project of the overview that has no session yet', async (t) => {
    const bench = await httpBench(t);
    const { body } = await bench.http.call('getOverview');
    const query = { project: body.projects[0].path as string };
    assert.deepEqual((await bench.http.call('listSessions', { query })).body, { sessions: [], next: null });
  });

  it('shows a session of any project by its full id, with its project and last event', async (t) => {
    const bench = await httpBench(t);
    const { project: other } = await bench.otherProject();
    const agents = [agentRequest({ name: 'a' }), agentRequest({ name: 'b', dependsOn: ['a'] })];
    const { session } = bench.store(planRequest(agents), other);
    const params = { session_id: session.id };
    const { body } = await bench.http.call('getSessionStatus', { params });
    assert.deepEqual([body.project, body.last_seq], [other.path, other.store.lastSeq(session.id)]);
    assert.deepEqual(
      body.agents.map(({ name, depends_on, phase }: Record<string, unknown>) => [name, depends_on, phase]),
      [
        ['a', [], 0],
        ['b', ['a'], 1],
      ],
    );
  });
});
