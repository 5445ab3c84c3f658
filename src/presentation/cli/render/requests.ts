import type { Project } from '../../../application/project.ts';
import type { InputRequest } from '../../../domain/input-request.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { shortIds } from '../../../domain/short-ids.ts';
import { askedText, requestView } from '../../contracts/request-view.ts';
import { namesOf } from '../../contracts/views.ts';
import type { CommandContext } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { formatAge, formatUntil } from './format.ts';
import { pathCell } from './home-path.ts';
import { renderTable } from './table.ts';

export interface FoundRequest {
  readonly project: Project;
  readonly request: InputRequest;
}

/** @param project null: every project, or none was found */
export function showRequests(
  { terminal, json, options, program }: CommandContext,
  project: Project | null,
  found: readonly FoundRequest[],
): number {
  const names = new Map<string, string>();
  const sessions = new Map(found.map(({ project: of, request }) => [request.sessionId, of]));
  for (const [id, of] of sessions) {
    for (const [agentId, name] of namesOf(of.store.load(id).agents)) names.set(agentId, name);
  }
  if (json) {
    const views = found.map(({ project: { path }, request }) => ({
      ...requestView(request, names),
      project: path,
    }));
    terminal.document({ requests: views });
    return exitStatus.done;
  }
  const isWide = options.flag('all') && project === null;
  if (found.length === 0) {
    const where = project === null ? '' : ` in ${showName(project.path)}`;
    const hint = isWide ? '' : ` '${program} requests --all' lists those of every project.`;
    terminal.notice(`No ${options.flag('closed') ? '' : 'open '}requests${where}.${hint}`);
    return exitStatus.done;
  }
  const now = Date.now();
  const short = shortIds(found.map(({ request }) => request.id));
  const rows = found.map(({ project: { path }, request }) => [
    { text: request.id, short: short.get(request.id) ?? '' },
    options.flag('closed') ? stateOf(request) : '',
    names.get(request.agentId) ?? request.agentId,
    request.kind,
    formatAge(now - Date.parse(request.askedAt)),
    request.state === 'open' ? formatUntil(request.expiresAt, now) : '',
    isWide ? pathCell(path) : '',
    askedText(request),
  ]);
  const columns = [
    { title: 'REQUEST', whole: true },
    { title: 'STATE' },
    { title: 'AGENT' },
    { title: 'KIND', rank: 3 },
    { title: 'ASKED', rank: 2 },
    { title: 'EXPIRES', rank: 1 },
    { title: 'PROJECT' },
    { title: 'WHAT' },
  ];
  const lines = renderTable(columns, rows, terminal.canvas);
  const texts = found.map(({ request }) => askedText(request));
  if (texts.every((text, index) => lines[index + 1]?.endsWith(text))) {
    for (const line of lines) terminal.line(line);
  } else {
    // Nobody can answer what they see only the beginning of.
    const [header = '', ...short] = renderTable(
      columns.slice(0, -1),
      rows.map((row) => row.slice(0, -1)),
      terminal.canvas,
    );
    terminal.line(header);
    for (const [index, line] of short.entries()) {
      terminal.line(line);
      terminal.line(`  ${texts[index]}`);
    }
  }
  if (found.some(({ request }) => request.state === 'open')) {
    terminal.notice(`Answer with: ${program} approve, deny or answer REQUEST`);
  }
  return exitStatus.done;
}

function stateOf({ state, answer }: InputRequest): string {
  if (answer?.kind !== 'permission') return state;
  return answer.decision === 'allow' ? 'allowed' : 'denied';
}
