import type { Handler } from 'hono';
import type { EventStreams } from '../events/event-streams.ts';
import type { HttpDeps } from '../server/deps.ts';
import type { RequestCounts } from '../server/request-counts.ts';
import { type Metric, metricsContentType, metricsText } from './metrics-text.ts';
import { StoreMetrics } from './store-metrics.ts';

/** Metrics of the server itself. */
export interface ServerFigures {
  readonly requests: RequestCounts;
  readonly eventStreams: EventStreams;
  /** Number of open MCP sessions over `/mcp` and `/sse`. */
  readonly mcpSessions: () => number;
}

/** `GET /metrics`: metrics of the project, this process and its HTTP server, in Prometheus's text format. */
export function metricsHandler(deps: HttpDeps, server: ServerFigures): Handler {
  const startedAt = new Date().toISOString();
  let store: StoreMetrics | null = null;
  return async (context) => {
    const { project } = await deps.runtime.openProject(deps.projectPath);
    store ??= new StoreMetrics(project.store.feed, startedAt);
    const metrics = [
      buildInfo(deps.runtime.version),
      ...store.read(),
      ...serverMetrics(server),
      ...processMetrics(),
    ];
    return context.body(metricsText(metrics), 200, {
      'Content-Type': metricsContentType,
      'Cache-Control': 'no-store',
    });
  };
}

function buildInfo(version: string): Metric {
  const labels = { version, node_version: process.versions.node };
  return {
    name: 'maos_build_info',
    type: 'gauge',
    help: 'Always 1; the labels give the version.',
    samples: [{ labels, value: 1 }],
  };
}

function serverMetrics({ requests, eventStreams, mcpSessions }: ServerFigures): readonly Metric[] {
  return [
    {
      name: 'maos_http_requests_total',
      type: 'counter',
      help: 'Requests answered, by method, route and status.',
      samples: requests.all.map(({ method, route, status, count }) => ({
        labels: { method, route, status: String(status) },
        value: count,
      })),
    },
    {
      name: 'maos_mcp_sessions',
      type: 'gauge',
      help: 'Open MCP sessions over HTTP.',
      samples: [{ value: mcpSessions() }],
    },
    {
      name: 'maos_event_stream_subscribers',
      type: 'gauge',
      help: 'Open event streams.',
      samples: [{ value: eventStreams.open }],
    },
    {
      name: 'maos_event_streams_stalled_total',
      type: 'counter',
      help: 'Event streams closed because the client did not read them.',
      samples: [{ value: eventStreams.stalled }],
    },
  ];
}

/**
 * The standard names of client libraries
 * (https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics).
 */
function processMetrics(): readonly Metric[] {
  const { user, system } = process.cpuUsage();
  return [
    {
      name: 'process_cpu_seconds_total',
      type: 'counter',
      help: 'Total user and system CPU time spent in seconds.',
      samples: [{ value: (user + system) / 1e6 }],
    },
    {
      name: 'process_resident_memory_bytes',
      type: 'gauge',
      help: 'Resident memory size in bytes.',
      samples: [{ value: process.memoryUsage.rss() }],
    },
    {
      name: 'process_start_time_seconds',
      type: 'gauge',
      help: 'Start time of the process since unix epoch in seconds.',
      samples: [{ value: performance.timeOrigin / 1_000 }],
    },
  ];
}
