import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AgentEnd } from '../../../src/application/ports/agent-host.ts';
import type { Clock } from '../../../src/application/ports/clock.ts';
import { AgentRun } from '../../../src/application/session/agent-run.ts';
import { recordProgress, startAgents } from '../../../src/domain/running-agents.ts';
import { startSession } from '../../../src/domain/session-life.ts';
import { settleAgent } from '../../../src/domain/settle-agent.ts';
import type { Workflow } from '../../../src/domain/workflow.ts';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import { cutAt } from '../../helpers/backend-contract.ts';
import { fc } from '../../helpers/properties.ts';
import { created, instanceId, tempStore } from '../sqlite/samples.ts';
import { settingsOf } from './claude-settings.ts';
import { readRecording } from './recordings.ts';

const at = '2026-01-01T00:00:20.000Z';
const clock: Clock = { now: () => at, elapsedMs: () => 0, after: () => () => {} };

/** Every number that JSON can contain, and other values in place of numbers. */
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom<unknown>(0, -0, -1, 10.5, 1e308, -1e308, 2 ** 53, 2 ** 63, '100', '', null, true, [], {}),
);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', '\0', '\ud800', 'a\0b\udc00', '-p', 'x'.repeat(5_000), '\u202e\u2028\u001b[2J'),
);
const odd = fc.oneof({ weight: 4, arbitrary: text }, { weight: 1, arbitrary: fc.jsonValue() });

function fields(of: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> {
  return fc.record(of, { requiredKeys: [] });
}
const tokens = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'];
const usage = fields(Object.fromEntries(tokens.map((name) => [name, number])));
const model = fields({ inputTokens: number, outputTokens: number, cacheReadInputTokens: number });
const use = fields({ id: text, name: odd, input: fc.oneof(fc.jsonValue(), fields({ command: odd })) });
const status = fc.constantFrom<unknown>('completed', 'failed', 'stopped', 'killed', 7, null);
const task = fields({ task_id: fc.constantFrom('a', 'b'), description: odd, task_type: odd });

const line = fc.oneof(
  fields({ session_id: odd }).map((more) => ({ type: 'system', subtype: 'init', ...more })),
  fields({
    error_status: number,
    error: odd,
    attempt: number,
    max_retries: number,
    retry_delay_ms: number,
  }).map((more) => ({ type: 'system', subtype: 'api_retry', ...more })),
  fields({ tasks: fc.oneof(fc.array(task, { maxLength: 3 }), odd) }).map((more) => ({
    ...{ type: 'system', subtype: 'background_tasks_changed' },
    ...more,
  })),
  fields({ task_id: fc.constantFrom('a', 'b'), status, patch: fields({ status }) }).map((more) => ({
    ...{ type: 'system', subtype: 'task_updated' },
    ...more,
  })),
  fields({ tool_name: odd, tool_use_id: odd }).map((more) => ({
    ...{ type: 'system', subtype: 'permission_denied' },
    ...more,
  })),
  fields({
    error: odd,
    message: fields({
      id: fc.constantFrom('m1', 'm2', ''),
      model: fc.constantFrom('claude-x', '<synthetic>'),
      usage: fc.oneof(usage, odd),
      content: fc.oneof(
        fc.array(
          fc.oneof(
            use.map((it) => ({ type: 'tool_use', ...it })),
            fields({ text: odd }).map((it) => ({ type: 'text', ...it })),
          ),
        ),
        odd,
      ),
    }),
  }).map((more) => ({ type: 'assistant', ...more })),
  fields({ status: fc.constantFrom('rejected', 'allowed'), resetsAt: number, rateLimitType: odd }).map(
    (info) => ({
      ...{ type: 'rate_limit_event', rate_limit_info: info },
    }),
  ),
  fields({
    subtype: fc.constantFrom('success', 'error_max_turns', 'error_during_execution'),
    is_error: fc.constantFrom<unknown>(false, true, null, 'false'),
    result: odd,
    errors: fc.oneof(fc.array(odd), odd),
    num_turns: number,
    total_cost_usd: number,
    api_error_status: number,
    usage: fc.oneof(usage, odd),
    modelUsage: fc.oneof(fc.dictionary(text, model), odd),
    permission_denials: fc.oneof(
      fc.array(fields({ tool_name: odd, tool_use_id: odd, tool_input: fc.jsonValue() })),
      odd,
    ),
  }).map((more) => ({ type: 'result', ...more })),
);
/** Valid lines, repeated lines, unknown lines, and the recorded ones. */
const recorded = ['success', 'background', 'permission-denied', 'prompt-refused', 'max-budget'].flatMap(
  (name) => readRecording(name).stdout.toString().split('\n'),
);
const printed = fc.oneof(
  { weight: 6, arbitrary: line.map((value) => JSON.stringify(value)) },
  { weight: 2, arbitrary: fc.constantFrom(...recorded) },
  { weight: 1, arbitrary: text },
  { weight: 1, arbitrary: fc.jsonValue().map((value) => JSON.stringify(value)) },
);
const end: fc.Arbitrary<AgentEnd> = fc.oneof(
  fc
    .constantFrom(0, 1, 130, 143)
    .map((exitCode): AgentEnd => ({ how: 'exited', exitCode, signal: null, at })),
  fc.constantFrom<AgentEnd>(
    { how: 'exited', exitCode: null, signal: 'SIGKILL', at },
    { how: 'lost', at },
    { how: 'never_started', at },
  ),
);
const resumed = fc.constantFrom(null, 'c-1');

suite("whatever Claude Code's stream says", () => {
  test('it is read, what it comes to is stored, and nothing completes without a result line', (t) => {
    const store = tempStore(t);
    const backend = makeClaudeBackend({ config: settingsOf(), env: {} });
    fc.assert(
      fc.property(
        fc.array(printed, { maxLength: 25 }),
        fc.array(fc.nat(20_000), { maxLength: 8 }),
        fc.nat(100),
        end,
        resumed,
        (lines, cuts, lost, how, conversation) => {
          const whole = Buffer.from(
            lines.flatMap((text) => (text.length % 7 === 0 ? [text, text] : [text])).join('\n'),
          );
          const bytes = lost < 30 ? whole.subarray(0, Math.floor((whole.length * lost) / 30)) : whole;
          const made = created();
          const lease = store.create(made, instanceId());
          const [{ id } = assert.fail()] = made.next.agents;
          const begun = startAgents(startSession(made.next, at).next, [id], at);
          const agents = begun.next.agents.map((agent) => ({ ...agent, resumed: conversation }));
          const running = { ...begun.next, agents };
          store.commit(lease, made.next, { ...begun, next: running });
          const [agent = assert.fail()] = agents;
          const callbacks = {
            clock,
            graceMs: 1,
            maxOutputBytes: null,
            afterResultMs: null,
            refusedMs: null,
            maxSubagents: null,
          };
          const quiet = {
            isOwner: () => true,
            withdraw: () => {},
            ended: () => {},
            news: () => {},
            changed: () => {},
            trouble: () => assert.fail('trouble'),
          };
          const run = new AgentRun(agent, backend, { ...callbacks, ...quiet });
          let before: Workflow = running;
          for (const chunk of cutAt(bytes, cuts)) {
            run.stdout(chunk);
            const note = run.takeNote();
            if (note === null) continue;
            const noted = recordProgress(before, [note], at);
            store.commit(lease, before, noted);
            before = noted.next;
          }
          const report = run.report(how, null, '');
          const settled = settleAgent(before, id, report, at);
          store.commit(lease, before, settled);
          const stored = store.load(made.next.session.id).agents[0];
          assert.equal(stored?.state, report.outcome.state);
          assert.ok(store.summary(made.next.session.id).usage === null || (stored?.usage?.turns ?? 0) >= 0);
          if (report.outcome.state !== 'completed') return;
          assert.match(bytes.toString(), /"type":"result"/);
          assert.match(bytes.toString(), /"is_error":false/);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('it may be nested as deep as a line is long', () => {
    const deep = 1_000_000;
    const input = `${'['.repeat(deep)}${']'.repeat(deep)}`;
    const text = `{"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","name":"X","input":${input}}]}}\n`;
    const backend = makeClaudeBackend({ config: settingsOf(), env: {} });
    const parser = backend.makeParser();
    assert.ok(parser.push(Buffer.from(text)).length <= 1);
  });
});
