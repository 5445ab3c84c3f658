import type { LandingPreview, PreviewedWork } from '../../../application/landing/preview.ts';
import type { SkippedWork } from '../../../domain/landing.ts';
import type { LandedState, LandedWork } from '../../../domain/landing-outcome.ts';
import { checkEndText, hasPassed } from '../../../domain/verification.ts';
import { shortCommit } from '../../../domain/work-text.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { Canvas, Format } from '../shell/terminal.ts';
import { renderTable } from './table.ts';

/** Tables of what became of each agent's work in a landing, or what would become of it. */

const looks: Readonly<Record<LandedState, readonly [text: string, format: Format]>> = {
  landed: ['landed', 'green'],
  waiting: ['waits', 'yellow'],
  check_failed: ['check failed', 'red'],
  conflict: ['conflict', 'red'],
  failed: ['failed', 'red'],
  cancelled: ['cancelled', 'yellow'],
  skipped: ['skipped', 'dim'],
  open: ['not landed yet', 'cyan'],
};

export function landedTable(landed: readonly LandedWork[], canvas: Canvas): string[] {
  const rows = landed.map((work) => {
    const [text, format] = looks[work.state];
    const at = work.commit === null ? '' : shortCommit(work.commit);
    return [work.name, { text, format }, at, oneLine(evidenceOf(work))];
  });
  return tableOf(['AGENT', 'RESULT', 'COMMIT', 'EVIDENCE'], rows, canvas);
}

/** How to take work that waits: once for all of it. */
export function commandsOf(landed: readonly LandedWork[]): readonly string[] {
  return [...new Set(landed.flatMap(({ command }) => command ?? []))];
}

function evidenceOf({ state, reason, check, paths, between }: LandedWork): string {
  const checked =
    check === null ? 'no check' : `${check.command}: ${hasPassed(check) ? 'passed' : checkEndText(check)}`;
  switch (state) {
    case 'landed':
      return checked;
    case 'waiting':
      return `${checked}; ${reason ?? ''}`;
    case 'check_failed':
      return checked;
    case 'conflict':
      return `${conflictText(paths, between)}${reason === null ? '' : `: ${reason}`}`;
    default:
      return reason ?? '';
  }
}

function conflictText(paths: readonly string[], between: readonly string[]): string {
  const shown = paths.slice(0, 3).join(', ');
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : '';
  return `${between.length === 0 ? '' : `with ${between.join(', ')} `}in ${shown}${more}`;
}

export function skippedTable(skipped: readonly SkippedWork[], canvas: Canvas): string[] {
  const rows = skipped.map(({ name, reason }) => [name, { text: 'skipped', format: 'dim' } as const, reason]);
  return tableOf(['AGENT', 'RESULT', 'WHY'], rows, canvas);
}

const outlooks: Readonly<Record<PreviewedWork['outlook'], readonly [text: string, format: Format]>> = {
  clean: ['merges cleanly', 'green'],
  conflict: ['conflict', 'red'],
  waits: ['waits', 'yellow'],
  skipped: ['skipped', 'dim'],
};

export function previewTable({ work }: LandingPreview, canvas: Canvas): string[] {
  const rows = work.map(({ name, outlook, reason, paths, between }) => {
    const [text, format] = outlooks[outlook];
    const why = outlook === 'conflict' ? conflictText(paths, between) : (reason ?? '');
    return [name, { text, format }, oneLine(why)];
  });
  return tableOf(['AGENT', 'OUTLOOK', 'WHY'], rows, canvas);
}

function tableOf(
  titles: readonly string[],
  rows: Parameters<typeof renderTable>[1],
  canvas: Canvas,
): string[] {
  if (rows.length === 0) return [];
  const columns = titles.map((title) => ({ title }));
  return renderTable(columns, rows, { ...canvas, width: canvas.width - 2 }).map((line) => `  ${line}`);
}
