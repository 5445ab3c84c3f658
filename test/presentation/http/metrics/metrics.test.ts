import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { metricsContentType, metricsText } from '../../../../src/presentation/http/metrics/metrics-text.ts';
import { type HttpService, startHttp } from '../../../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import { until } from '../../../helpers/waiting.ts';
import { openWorkbench, type Workbench } from '../../mcp/workbench.ts';
import { getText, listen } from '../event-client.ts';
import { openSession, send } from '../mcp-client.ts';
import { parseMetrics } from '../metrics-parser.ts';

const token = 'right-token';
let bench: Workbench;
let service: HttpService;
const ending = new AbortController();

before(async () => {
  bench = await openWorkbench();
  const { runtime, root: projectPath } = bench;
  const identity = serverIdentity(runtime.version);
  await agentsRun('Before the server.', 'true');
  // Times have milliseconds, so events in the current one would count as after the start.
  const now = Date.now();
  while (Date.now() <= now) await new Promise((resolve) => setImmediate(resolve));
  const deps = { runtime, identity, projectPath, ending: ending.signal };
  service = await startHttp(deps, { host: '127.0.0.1', port: 0, token });
});
after(async () => {
  ending.abort();
  await service.close(10_000);
  await bench.close();
});

async function agentsRun(objective: string, ...commands: string[]): Promise<void> {
  const agents = commands.map((command) => ({ role: 'qa', task: 'Do.', backend: 'command', command }));
  const { session_id } = await bench.ask('orchestrate', { objective, agents });
  const ended = await bench.ask('wait-session', { session_id, timeout_seconds: 60 });
  assert.equal(ended.settled, true);
}

async function scrape() {
  const place = { port: service.port, token };
  const { status, headers, text } = await getText(place, '/metrics');
  assert.deepEqual([status, headers['content-type']], [200, metricsContentType]);
  return parseMetrics(text);
}

describe('the metrics', () => {
  it('are valid, and tell of sessions, agents, events, requests, streams and the process', async () => {
    const place = { port: service.port, token };
    await agentsRun('While it runs.', 'true', 'exit 3');
    const stream = await listen(place, '/events');
    await stream.next();
    await getText({ ...place, token: 'wrong' }, '/metrics');
    await getText(place, '/nothing/here');
    await getText(place, '/metrics');
    const metrics = await scrape();
    const value = (name: string, labels: Record<string, string> = {}) => {
      const found = metrics.get(name)?.samples.find((sample) => {
        assert.deepEqual(Object.keys(sample.labels).sort(), Object.keys(labels).sort(), name);
        return Object.entries(labels).every(([label, text]) => sample.labels[label] === text);
      });
      return found?.value;
    };
    assert.equal(
      value('maos_build_info', { version: bench.runtime.version, node_version: process.versions.node }),
      1,
    );
    assert.equal(value('maos_sessions', { state: 'completed' }), 1);
    assert.equal(value('maos_sessions', { state: 'failed' }), 1);
    assert.equal(value('maos_sessions', { state: 'running' }), 0);
    assert.equal(value('maos_agents', { state: 'completed' }), 2);
    assert.equal(value('maos_agents', { state: 'failed' }), 1);
    // Agents that ran before the server started are stored, but not counted as started since.
    assert.equal(value('maos_agents_started_total'), 2);
    assert.equal(value('maos_agents_ended_total', { outcome: 'completed', kind: 'none' }), 1);
    assert.equal(value('maos_agents_ended_total', { outcome: 'failed', kind: 'exit_code' }), 1);
    assert.equal(value('maos_events_total', { type: 'session.created' }), 1);
    assert.equal(value('maos_events_total', { type: 'agent.failed' }), 1);
    assert.equal(value('maos_usage_tokens', { kind: 'input' }), 0);
    assert.equal(value('maos_usage_cost_dollars'), 0);
    assert.equal(value('maos_http_requests_total', { method: 'GET', route: '/events', status: '200' }), 1);
    assert.equal(value('maos_http_requests_total', { method: 'GET', route: '/metrics', status: '401' }), 1);
    assert.equal(value('maos_http_requests_total', { method: 'GET', route: '/metrics', status: '200' }), 1);
    assert.equal(value('maos_http_requests_total', { method: 'GET', route: 'none', status: '404' }), 1);
    assert.equal(value('maos_event_stream_subscribers'), 1);
    assert.equal(value('maos_event_streams_stalled_total'), 0);
    assert.ok((value('process_resident_memory_bytes') ?? 0) > 10e6);
    assert.ok((value('process_cpu_seconds_total') ?? 0) > 0);
    const started = value('process_start_time_seconds') ?? 0;
    assert.ok(started > Date.now() / 1_000 - 3_600 && started < Date.now() / 1_000, String(started));
    stream.drop();
  });

  it('tell how many MCP sessions are open, over both transports', async () => {
    const place = { port: service.port, token };
    const sessions = async () => (await scrape()).get('maos_mcp_sessions')?.samples;
    assert.deepEqual(await sessions(), [{ labels: {}, value: 0 }]);
    const session = await openSession({ ...place, url: service.url });
    const older = await listen(place, '/sse');
    assert.deepEqual(await sessions(), [{ labels: {}, value: 2 }]);
    older.drop();
    await send({ ...place, url: service.url }, 'DELETE', { headers: session });
    await until(async () => (await sessions())?.[0]?.value === 0);
  });

  it('count on from one look to the next, and sum over all agents only every few seconds', async (t) => {
    const before = await scrape();
    const figures = t.mock.method(bench.project.store.feed, 'figures');
    await agentsRun('Once more.', 'true');
    const now = await scrape();
    const started = (metrics: typeof now) => metrics.get('maos_agents_started_total')?.samples[0]?.value;
    assert.equal(started(now), (started(before) ?? 0) + 1);
    assert.deepEqual(started(await scrape()), started(now));
    assert.ok(figures.mock.callCount() <= 1);
  });
});

describe("Prometheus's text format", () => {
  it('escapes what would end a label or a line', () => {
    const odd = 'a\\b"c\nd';
    const text = metricsText([
      {
        name: 'x_total',
        type: 'counter',
        help: 'Back\\slash,\nand "more".',
        samples: [{ labels: { odd }, value: 1e21 }],
      },
    ]);
    assert.equal(
      text,
      '# HELP x_total Back\\\\slash,\\nand "more".\n# TYPE x_total counter\nx_total{odd="a\\\\b\\"c\\nd"} 1e+21\n',
    );
    assert.deepEqual(parseMetrics(text).get('x_total')?.samples, [{ labels: { odd }, value: 1e21 }]);
  });

  it('is not what breaks its rules', () => {
    const head = '# HELP x X.\n# TYPE x gauge\n';
    for (const [text, said] of [
      [`${head}x 1`, /end/],
      [`${head}x 1\nx 2\n`, /twice/],
      [`${head}x{a="1",b="2"} 1\nx{b="2",a="1"} 2\n`, /twice/],
      [`${head}x one\n`, /no sample/],
      [`${head}x{a="1\\t"} 1\n`, /no sample/],
      [`${head}y 1\n`, /belongs to/],
      [`${head}${head}`, /twice/],
      ['# TYPE x gauge\nx 1\n', /HELP/],
      ['# HELP x_total X.\n# TYPE x_total gauge\n', /_total/],
      ['# HELP x X.\n# TYPE x counter\nx 1\n', /_total/],
      ['# HELP x_total X.\n# TYPE x_total counter\nx_total -1\n', /negative/],
    ] as const) {
      assert.throws(() => parseMetrics(text), said, text);
    }
  });
});
