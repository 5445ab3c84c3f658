import type { GarbageReport } from '../../../application/maintenance/retention/garbage-report.ts';
import { plural } from '../../../domain/amounts.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { shortIds } from '../../../domain/short-ids.ts';
import type { Canvas } from '../shell/terminal.ts';
import { formatAge, formatBytes } from './format.ts';
import { pathCell } from './home-path.ts';
import { renderTable } from './table.ts';

/** What was collected in one project. */
export interface Collected extends GarbageReport {
  /** Its path. */
  readonly project: string;
}

const sessionReasons = {
  age: 'over --max-age',
  count: 'over --max-sessions',
  bytes: 'over --max-bytes',
  leftover: 'left over',
} as const;

const refReasons = { landed: 'landed', age: 'over --max-refs-age' } as const;

interface GcView {
  readonly all: boolean;
  readonly dryRun: boolean;
  readonly now: number;
  readonly canvas: Canvas;
}

/** Tables of what was removed, each with its total. */
export function renderGarbage(collected: readonly Collected[], view: GcView): readonly string[] {
  const refs = renderRefs(collected, view);
  return [...renderSessions(collected, view), ...(refs.length === 0 ? [] : ['', ...refs])];
}

function renderSessions(collected: readonly Collected[], view: GcView): readonly string[] {
  const short = shortIds(collected.flatMap(({ removed }) => removed.map(({ id }) => id)));
  const rows = collected.flatMap(({ project, removed }) =>
    removed.map(({ id, reason, endedAt, bytes }) => [
      { text: id, short: short.get(id) ?? '' },
      sessionReasons[reason],
      endedAt === null ? '' : formatAge(view.now - Date.parse(endedAt)),
      formatBytes(bytes),
      view.all ? pathCell(project) : '',
    ]),
  );
  const columns = [
    { title: 'SESSION', whole: true },
    { title: 'WHY', rank: 2 },
    { title: 'ENDED', rank: 1 },
    { title: 'SIZE', align: 'right' as const },
    { title: 'PROJECT' },
  ];
  const kept = collected.reduce((total, report) => total + report.kept, 0);
  const bytes = formatBytes(collected.reduce((total, { removedBytes }) => total + removedBytes, 0));
  const [only] = collected;
  const where = view.all || only === undefined ? '' : ` in ${showName(only.project)}`;
  const total = `${plural(rows.length, 'session')} (${bytes}) ${verb(view)}, ${kept} kept${where}.`;
  return rows.length === 0 ? [total] : [...renderTable(columns, rows, view.canvas), '', total];
}

function renderRefs(collected: readonly Collected[], view: GcView): readonly string[] {
  const rows = collected.flatMap(({ project, refs }) =>
    refs.map(({ name, reason, since, commit }) => [
      showName(name.replace(/^refs\/heads\//, '')),
      refReasons[reason],
      formatAge(view.now - Date.parse(since)),
      commit.slice(0, 12),
      view.all ? pathCell(project) : '',
    ]),
  );
  if (rows.length === 0) return [];
  const columns = [
    { title: 'BRANCH OR REF' },
    { title: 'WHY', rank: 2 },
    { title: 'AGE', rank: 1 },
    { title: 'COMMIT', rank: 3 },
    { title: 'PROJECT' },
  ];
  const total = `${plural(rows.length, 'branch or ref', 'branches and refs')} ${verb(view)}.`;
  return [...renderTable(columns, rows, view.canvas), '', total];
}

function verb({ dryRun }: GcView): string {
  return dryRun ? 'would be removed' : 'removed';
}
