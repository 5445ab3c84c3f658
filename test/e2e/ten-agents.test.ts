import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { withSnakeCase } from '../../src/presentation/contracts/snake-case.ts';
import { agentProcesses } from '../helpers/agent-processes.ts';
import { EngineBench, type EventRecord } from './engine-bench.ts';

/**
 * ```
 * plan ─┬─ api ──┬─ join ── review ── release      diamond and chain
 *       └─ ui ───┘
 * lint, types, docs ── publish                     side by side
 * ```
 */
const edges: Readonly<Record<string, readonly string[]>> = {
  plan: [],
  api: ['plan'],
  ui: ['plan'],
  join: ['api', 'ui'],
  review: ['join'],
  release: ['review'],
  lint: [],
  types: [],
  docs: [],
  publish: ['docs'],
};

/** Shell: tells that one is here, and waits for the others; fails when they do not come. */
function meet(name: string, others: readonly string[]): string {
  const arrived = others.map((other) => `[ -e ${other}.here ]`).join(' && ');
  return `: >${name}.here; i=0; until ${arrived} || [ $i -ge 400 ]; do sleep 0.05; i=$((i+1)); done; ${arrived}`;
}

const commands: Readonly<Record<string, string>> = {
  plan: 'echo "the plan is 42" >"$MAOS_SHARED_CONTEXT/plan.md"; echo "planned 42"',
  api: `${meet('api', ['ui'])} && cat >api.txt; echo "api done"`,
  ui: `${meet('ui', ['api'])} && cat >ui.txt; echo "ui done"`,
  join: 'cat >join.txt; cat "$MAOS_SHARED_CONTEXT/plan.md"',
  review: 'cat >review.txt; grep -c "the plan is 42" review.txt',
  release: 'cat >release.txt; echo shipped >"$MAOS_SHARED_CONTEXT/release.md"',
  lint: meet('lint', ['types', 'docs']),
  types: meet('types', ['lint', 'docs']),
  docs: `${meet('docs', ['lint', 'types'])} && echo "documented"`,
  publish: 'cat >publish.txt',
};

const nameOf = ({ data }: EventRecord): string => String(data.name);

it('ten agents run in the order of their edges, side by side where they can, and hand over their results', async (t) => {
  const bench = new EngineBench(t);
  const agents = Object.entries(edges).map(([name, depends_on]) => ({
    role: 'engineer',
    task: `Do ${name}.`,
    name,
    depends_on,
    command: commands[name],
  }));
  writeFileSync(join(bench.project, 'plan.json'), JSON.stringify({ objective: 'Release it.', agents }));
  // On a machine with one core the default limit would still be four: all that can run has to.
  const env = { MAOS_MAX_CONCURRENT_AGENTS: '20' };
  const { status, state, events, ...summary } = await bench.summary(['plan.json'], { env });
  const failures = summary.agents.flatMap(({ name, failure }) =>
    failure ? [`${name}: ${failure.message}`] : [],
  );
  assert.deepEqual([status, state, failures], [0, 'completed', []]);

  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, index) => index + 1),
  );
  const seqOf = (type: string, name: string): number => {
    const found = events.filter((event) => event.type === type && nameOf(event) === name);
    assert.equal(found.length, 1, `${type} of ${name}`);
    return found[0]?.seq ?? 0;
  };
  for (const [name, upstreams] of Object.entries(edges)) {
    assert.ok(seqOf('agent.started', name) < seqOf('agent.spawned', name));
    assert.ok(seqOf('agent.spawned', name) < seqOf('agent.completed', name));
    for (const upstream of upstreams) {
      assert.ok(
        seqOf('agent.completed', upstream) < seqOf('agent.started', name),
        `${upstream} before ${name}`,
      );
    }
  }
  for (const group of [
    ['api', 'ui'],
    ['lint', 'types', 'docs'],
  ]) {
    const lastStart = Math.max(...group.map((name) => seqOf('agent.started', name)));
    const firstEnd = Math.min(...group.map((name) => seqOf('agent.completed', name)));
    assert.ok(lastStart < firstEnd, `${group.join(', ')} overlap`);
  }
  const phases = events.filter(({ type }) => type === 'phase.started').map(({ data }) => data.phase);
  assert.deepEqual(phases, [0, 1, 2, 3, 4]);

  const handed = (name: string) => readFileSync(join(bench.project, `${name}.txt`), 'utf8');
  assert.match(
    handed('ui'),
    /## From plan \(backend_engineer\)\n\n> planned 42\n\nFiles:\n\n> - .*\/shared\/context\/plan\.md \(15 bytes\)/,
  );
  assert.match(handed('join'), /## From api \(backend_engineer\)\n\n> api done\n/);
  assert.match(handed('join'), /## From ui \(backend_engineer\)\n\n> ui done\n/);
  assert.match(handed('review'), /## From join \(backend_engineer\)\n\n> the plan is 42\n/);
  assert.match(handed('release'), /## From review \(backend_engineer\)\n\n> 1\n/);
  assert.match(handed('publish'), /## From docs \(backend_engineer\)\n\n> documented\n/);
  assert.doesNotMatch(handed('publish'), /From plan/);

  // session.log holds the same records as were printed, which have each name in snake_case too.
  const log = readFileSync(join(summary.folder, 'session.log'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(
    log
      .map((line) => JSON.parse(line))
      .map(({ seq, type, at, data }) => ({ seq, type, at, data: withSnakeCase(data) })),
    events.map(({ seq, type, at, data }) => ({ seq, type, at, data })),
  );
  assert.deepEqual(bench.processes, []);
  assert.deepEqual(agentProcesses(summary.agents.map(({ agent_id }) => agent_id)), []);
});
