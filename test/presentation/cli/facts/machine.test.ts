import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CountedAgent } from '../../../../src/application/queries/agent-processes.ts';
import type { AgentProcess, InstanceReport } from '../../../../src/application/runtime.ts';
import type { InstanceId } from '../../../../src/domain/ids.ts';
import { renderInstances } from '../../../../src/presentation/cli/commands/instances.ts';
import { renderAgents } from '../../../../src/presentation/cli/commands/ps.ts';
import {
  checkAgents,
  checkDaemons,
  checkInstances,
} from '../../../../src/presentation/cli/facts/machine-checks.ts';
import { plainPaint } from '../../../../src/presentation/cli/shell/terminal.ts';

const canvas = { paint: plainPaint, width: Number.POSITIVE_INFINITY };
const now = Date.parse('2026-03-01T12:00:00.000Z');

function instance(more: Partial<InstanceReport> = {}): InstanceReport {
  const id = 'inst_01JNABCDEFGHJKMNPQRSTVWXYZ' as InstanceId;
  const startedAt = '2026-03-01T11:55:00.000Z';
  const facts = { pid: 4711, version: '1.0.0', port: null, project: '/home/a/project', startedAt };
  return { id, ...facts, sessions: [], state: 'alive', ...more };
}

function counted(more: {
  readonly state?: string;
  readonly owner?: 'alive' | 'gone' | 'none';
  readonly process?: Partial<AgentProcess>;
}): CountedAgent {
  const { state = 'running', owner = 'alive' } = more;
  const process: AgentProcess = {
    agentId: 'agent_tester_1_abc123',
    pid: 99,
    startedAt: '2026-03-01T11:00:00.000Z',
    cpuMs: 61_000,
    cpuPercent: 12.4,
    memoryBytes: 52_000_000,
    processes: 3,
    state: 'running',
    ...more.process,
  };
  const agent = { name: 'tests', role: { name: 'tester' }, sessionId: 'sess_X', state };
  const known = { project: {}, agent, session: 'running', owner, lastOutputAt: '2026-03-01T11:58:00.000Z' };
  return { process, known, stray: state !== 'running' } as unknown as CountedAgent;
}

describe('the table of instances', () => {
  it('says of each how it is, since when, and what it runs', () => {
    const sessions = ['sess_A', 'sess_B'] as unknown as InstanceReport['sessions'];
    const [, first, second] = renderInstances(
      [instance({ sessions }), instance({ state: 'gone' })],
      '1.0.0',
      canvas,
      now,
    );
    assert.match(first ?? '', /inst_\w{26} +alive +4711 +1\.0\.0 +5m ago +2 sessions +\/home\/a\/project/);
    assert.match(second ?? '', /gone/);
  });
});

describe('the table of agents', () => {
  it('says whose they are, what they use and when they last printed something', () => {
    const [head, line] = renderAgents([counted({})], canvas, now);
    assert.match(
      head ?? '',
      /^AGENT +ROLE +STATE +PID +PROCS +CPU +TIME +MEMORY +STARTED +PRINTED +OWNER +SESSION$/,
    );
    assert.match(
      line ?? '',
      /^tests +tester +running +99 +3 +12 % +1m 01s +52\.0 MB +1h ago +2m ago +alive +sess_X$/,
    );
  });

  it('marks strays of agents that ended, what was left behind, and what no store knows', () => {
    const unknown = { ...counted({}), known: null };
    const behind = counted({ process: { state: 'left_behind' } });
    const lines = renderAgents([counted({ state: 'completed' }), behind, unknown], canvas, now).slice(1);
    assert.match(lines[0] ?? '', /orphaned \(completed\)/);
    assert.match(lines[1] ?? '', /left behind/);
    assert.match(lines[2] ?? '', /^agent_tester_1_abc123 +other MAOS_HOME/);
  });
});

describe('maos doctor', () => {
  it('is content with instances that live and are of this version', () => {
    const { state, detail, fix } = checkInstances([instance(), instance({ state: 'gone' })], '1.0.0');
    assert.deepEqual([state, fix], ['ok', null]);
    assert.equal(detail, '1 maos process; 1 died without cleaning up');
    assert.equal(checkInstances([], '1.0.0').detail, 'none running');
  });

  it('names stale instances and those of another version', () => {
    const { state, detail, fix } = checkInstances(
      [instance({ state: 'stale' }), instance({ version: '0.9.0' })],
      '1.0.0',
    );
    assert.equal(state, 'warning');
    assert.match(
      detail,
      /stale: inst_\w{26} \(pid 4711\); another version: inst_\w{26} \(pid 4711, 0\.9\.0\)/,
    );
    assert.match(fix ?? '', /end it by its pid.*this is 1\.0\.0/);
  });

  it('names agents that nobody looks after, and those left over', () => {
    assert.equal(checkAgents([counted({})]).state, 'ok');
    const { state, detail } = checkAgents([
      counted({ owner: 'gone' }),
      counted({ state: 'failed', owner: 'none' }),
    ]);
    assert.equal(state, 'warning');
    assert.match(
      detail,
      /without a maos process: agent_\w+ \(pid 99\); orphaned, from agents that ended: agent_\w+/,
    );
  });
});

it('what an agent can leave behind unseen is said for each platform', () => {
  assert.match(
    checkDaemons('linux').detail,
    /finds and ends every process that an agent forks, but not .*systemd-run/,
  );
  assert.match(checkDaemons('darwin').detail, /except a daemon that clears its environment/);
});
