import assert from 'node:assert/strict';
import { chmodSync, cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { requestRetry } from '../../../src/application/control/control.ts';
import { callerOf, isOfAgent } from '../../../src/application/queries/caller.ts';
import type { AgentId, SessionId } from '../../../src/domain/ids.ts';
import { variablesOf, writesEnvironment } from '../../helpers/agent-variables.ts';
import {
  openRealProject,
  outcome,
  type RealProject,
  realProject,
  settled,
  start,
} from '../../helpers/real-project.ts';

const forbidden = (message: RegExp) => ({ code: 'FORBIDDEN', message });

function sharedContext(real: RealProject, id: SessionId): string {
  const { session, agents } = real.project.store.load(id);
  return real.project.host.locations(session, agents[0] as never).sharedContext;
}

async function endAll(real: RealProject, id: SessionId, status: number): Promise<void> {
  writeFileSync(join(sharedContext(real, id), 'end'), `${status}\n`);
  await settled(real, id);
}

const keyOf = (real: RealProject): string => join(real.database, '..', 'agent.key');

describe('the caller that an environment names', () => {
  it('is a person where nothing speaks of an agent', (t) => {
    const real = realProject(t);
    assert.equal(callerOf(real.project, { HOME: '/home/ada', MAOS_HOME: real.home }), null);
    assert.equal(callerOf(real.project, { MAOS_AGENT_ID: '' }), null);
  });

  it('is the agent whose environment it is, and no other', async (t) => {
    const real = realProject(t);
    const id = await start(real, [writesEnvironment('ada'), writesEnvironment('bo')]);
    const ada = await variablesOf(real, id, 'ada');
    const bo = await variablesOf(real, id, 'bo');
    const agentId = outcome(real, id).agent('ada').id;
    assert.deepEqual(callerOf(real.project, ada), { sessionId: id, agentId, attempt: 1 });
    assert.notEqual(ada.MAOS_AGENT_TOKEN, bo.MAOS_AGENT_TOKEN);

    const { MAOS_AGENT_ID, MAOS_AGENT_TOKEN = '', MAOS_AGENT_ATTEMPT, ...others } = ada;
    const as = (changes: Record<string, string>) => () => callerOf(real.project, { ...ada, ...changes });
    const notItsToken = forbidden(/MAOS_AGENT_TOKEN is not the token of agent ".*" in attempt ".*" here\./);
    assert.throws(as({ MAOS_AGENT_ID: bo.MAOS_AGENT_ID as string }), notItsToken);
    assert.throws(as({ MAOS_AGENT_TOKEN: bo.MAOS_AGENT_TOKEN as string }), notItsToken);
    for (const token of [MAOS_AGENT_TOKEN.slice(0, -1), `${MAOS_AGENT_TOKEN}A`, 'x', '語'.repeat(54)]) {
      assert.throws(as({ MAOS_AGENT_TOKEN: token }), notItsToken);
    }
    for (const attempt of ['2', '0', '-1', '1.0', '01', '1e0', ' 1', 'one', '9'.repeat(400)]) {
      assert.throws(as({ MAOS_AGENT_ATTEMPT: attempt }), notItsToken);
    }
    assert.throws(as({ MAOS_AGENT_ID: '../../etc' }), notItsToken);
    assert.throws(as({ MAOS_SESSION_ID: 'latest' }), notItsToken);
    const another = await start(real, [writesEnvironment('cy')]);
    await variablesOf(real, another, 'cy');
    assert.throws(as({ MAOS_SESSION_ID: another }), forbidden(/has no agent/));
    for (const part of [{ MAOS_AGENT_ID }, { MAOS_AGENT_TOKEN }, { MAOS_AGENT_ATTEMPT }]) {
      assert.ok(isOfAgent(part));
      assert.throws(
        () => callerOf(real.project, { ...others, ...part }),
        forbidden(/ are not set\. Pass on all MAOS_\* variables/),
      );
    }
    writeFileSync(join(sharedContext(real, another), 'end'), '0\n');
    await endAll(real, id, 0);
  });

  it('is nobody once the agent has ended, or is in another attempt', async (t) => {
    const real = realProject(t);
    const id = await start(real, [writesEnvironment('ada')]);
    const first = await variablesOf(real, id, 'ada');
    await endAll(real, id, 1);
    assert.throws(() => callerOf(real.project, first), forbidden(/Agent ada has failed/));
    rmSync(join(sharedContext(real, id), 'end'));
    await requestRetry(real.project, real.supervisor, id, null, 'test', 'Once more.');
    const second = await variablesOf(real, id, 'ada', 2);
    assert.equal(callerOf(real.project, second)?.attempt, 2);
    assert.throws(
      () => callerOf(real.project, first),
      forbidden(/Agent ada is in attempt 2, but this process belongs to attempt 1/),
    );
    await endAll(real, id, 0);
    assert.throws(() => callerOf(real.project, second), forbidden(/Agent ada has completed/));
  });

  it('is known to every MAOS of the project, and to none of another', async (t) => {
    const real = realProject(t);
    const id = await start(real, [writesEnvironment('ada')]);
    const variables = await variablesOf(real, id, 'ada');
    const peer = openRealProject({ home: real.home, root: real.root });
    t.after(() => peer.close());
    assert.equal(callerOf(peer.project, variables)?.sessionId, id);

    // The same records with another key, or none.
    const other = realProject(t);
    const records = { store: real.project.store, identity: other.project.identity };
    assert.throws(() => callerOf(records, variables), forbidden(/is not the token/));
    other.project.identity.tokenOf(variables.MAOS_AGENT_ID as AgentId, 1);
    assert.throws(() => callerOf(records, variables), forbidden(/is not the token/));

    // A complete copy of the home has the same agents and the same key.
    const copy = { home: join(real.home, '..', 'copy'), root: real.root };
    cpSync(real.home, copy.home, { recursive: true });
    const copied = openRealProject(copy);
    t.after(() => copied.project.store.close());
    assert.equal(callerOf(copied.project, variables)?.sessionId, id);
    await endAll(real, id, 0);
    assert.throws(() => callerOf(real.project, variables), forbidden(/Agent ada has completed/));
  });

  it('depends on a key that only this user can read', async (t) => {
    const real = realProject(t);
    const id = await start(real, [writesEnvironment('ada')]);
    const variables = await variablesOf(real, id, 'ada');
    assert.equal(statSync(keyOf(real)).mode & 0o777, 0o600);
    assert.match(readFileSync(keyOf(real), 'utf8'), /^[A-Za-z0-9_-]{43}\n$/);
    chmodSync(keyOf(real), 0o644);
    assert.ok(callerOf(real.project, variables));
    assert.equal(statSync(keyOf(real)).mode & 0o777, 0o600);
    writeFileSync(keyOf(real), 'guess me\n');
    assert.throws(() => callerOf(real.project, variables), { code: 'CONFIG_INVALID', message: /Remove it/ });
    rmSync(keyOf(real));
    await endAll(real, id, 0);
  });
});
