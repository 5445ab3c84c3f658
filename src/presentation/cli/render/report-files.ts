import type { ArtifactRecord } from '../../../application/ports/session-summary.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { Canvas } from '../shell/terminal.ts';
import { formatBytes, formatUntil } from './format.ts';
import type { SessionFacts } from './report-facts.ts';
import { renderTable } from './table.ts';
import { truncate } from './text-width.ts';

/** Sections of a report about files, claims of paths, and messages. */

const maxFiles = 20;
const maxClaims = 20;

/** Paths that agents have claimed. */
export function claimLines(
  { claims = [], liveStatus: { now } }: SessionFacts,
  { paint, width }: Canvas,
): string[] {
  const lines = claims.slice(0, maxClaims).map(({ path, agent, reason, expiresAt }) => {
    const why = reason === '' ? '' : `: ${oneLine(reason)}`;
    return truncate(`  ${agent}: ${showName(path)}, until ${formatUntil(expiresAt, now)}${why}`, width);
  });
  const more = claims.length - lines.length;
  return more > 0 ? [...lines, paint('dim', `  … ${more} more`)] : lines;
}

export function messageLines(
  { messages = {}, messagesForUser = 0, workflow }: SessionFacts,
  { paint }: Canvas,
): string[] {
  const counts = Object.entries(messages).map(([state, count]) => {
    const forUser = state === 'queued' && messagesForUser > 0 ? ` (${messagesForUser} for you)` : '';
    return `${count} ${state}${forUser}`;
  });
  if (counts.length === 0) return [];
  return [`  ${counts.join(', ')}  ${paint('dim', `maos message list ${workflow.session.id}`)}`];
}

export function skippedLines({ skipped = [] }: SessionFacts, { width }: Canvas): string[] {
  return skipped.map((reason) => truncate(`  not recorded: ${oneLine(reason)}`, width));
}

export function fileLines(
  artifacts: readonly ArtifactRecord[],
  { agents }: Workflow,
  canvas: Canvas,
): string[] {
  if (artifacts.length === 0) return [];
  const names = new Map<string, string>(agents.map(({ id, name }) => [id, name]));
  const rows = artifacts.slice(0, maxFiles).map(({ path, sizeBytes, by, candidates }) => {
    const author = by === null ? candidates.join(' or ') : (names.get(by) ?? by);
    return [showName(path), formatBytes(sizeBytes), author];
  });
  const columns = [
    { title: 'FILE', cut: 'middle' as const },
    { title: 'SIZE', align: 'right' as const, rank: 2 },
    { title: 'BY', rank: 1 },
  ];
  const more = artifacts.length > maxFiles ? [`… ${artifacts.length - maxFiles} more`] : [];
  const inner = { ...canvas, width: canvas.width - 2 };
  return [...renderTable(columns, rows, inner), ...more].map((line) => `  ${line}`);
}
