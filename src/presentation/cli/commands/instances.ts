import type { InstanceReport, UnreadProject } from '../../../application/runtime.ts';
import { plural } from '../../../domain/amounts.ts';
import { shortIds } from '../../../domain/short-ids.ts';
import type { CliCommand } from '../command.ts';
import { formatAge } from '../render/format.ts';
import { pathCell } from '../render/home-path.ts';
import { renderTable } from '../render/table.ts';
import { exitStatus } from '../shell/exit-status.ts';
import type { Canvas, Format } from '../shell/terminal.ts';
import { noticeUnread, unreadViews } from '../shell/unread.ts';

export const instancesCommand: CliCommand = {
  name: 'instances',
  summary: 'List the maos processes on this machine',
  details: [
    'Shows servers started by clients, runs in terminals, and background processes. A process that died is listed once as gone.',
    'Exit status: 0 done, 1 a project could not be read; its sessions are not counted.',
  ].join('\n'),
  arguments: [],
  options: [],
  examples: [{ line: 'maos instances', says: 'running processes, their start times and sessions' }],
  async run({ terminal, json, runtime }) {
    const unread: UnreadProject[] = [];
    const instances = await runtime().instances((project) => unread.push(project));
    noticeUnread(unread, terminal);
    const status = unread.length === 0 ? exitStatus.done : exitStatus.failed;
    const gone = instances.flatMap(({ id, state }) => (state === 'gone' ? [id] : []));
    if (gone.length > 0) await runtime().forgetInstances(gone);
    if (json) {
      terminal.document({ instances: instances.map(instanceView), not_read: unreadViews(unread) });
      return status;
    }
    if (instances.length === 0) terminal.notice('No maos process is running.');
    else
      for (const line of renderInstances(instances, runtime().version, terminal.canvas)) terminal.line(line);
    return status;
  },
};

function instanceView({ id, pid, version, port, project, startedAt, sessions, state }: InstanceReport) {
  return {
    instance_id: id,
    pid,
    version,
    state,
    started_at: startedAt,
    port,
    project,
    session_ids: sessions,
  };
}

const looks: Readonly<Record<InstanceReport['state'], Format>> = {
  alive: 'green',
  stale: 'yellow',
  gone: 'dim',
};

/** @param version of this program; different versions are highlighted */
export function renderInstances(
  instances: readonly InstanceReport[],
  version: string,
  canvas: Canvas,
  now = Date.now(),
): string[] {
  const short = shortIds(instances.map(({ id }) => id));
  const rows = instances.map((instance) => [
    { text: instance.id, short: short.get(instance.id) ?? '' },
    { text: instance.state, format: looks[instance.state] },
    String(instance.pid),
    { text: instance.version, format: instance.version === version ? 'dim' : 'yellow' } as const,
    formatAge(now - Date.parse(instance.startedAt)),
    instance.sessions.length === 0 ? '' : plural(instance.sessions.length, 'session'),
    instance.port === null ? '' : String(instance.port),
    pathCell(instance.project),
  ]);
  const columns = [
    { title: 'INSTANCE', whole: true },
    { title: 'STATE' },
    { title: 'PID', align: 'right', whole: true },
    { title: 'VERSION', rank: 3 },
    { title: 'STARTED', rank: 2 },
    { title: 'RUNS', rank: 1 },
    { title: 'PORT', rank: 4 },
    { title: 'PROJECT' },
  ] as const;
  return renderTable(columns, rows, canvas);
}
