import { plainText } from '../../../application/queries/agent-output.ts';
import type { BudgetShare } from '../../../application/queries/live-status.ts';
import { tokensOf } from '../../../domain/budget.ts';
import { showControls } from '../../../domain/invisible-marks.ts';
import type { Session } from '../../../domain/session.ts';
import type { Usage } from '../../../domain/usage.ts';

/** `0.4s`, `12.3s`, `3m 05s`, `2h 05m`. */
export function formatDuration(ms: number): string {
  if (ms < 59_950) return `${(Math.max(0, ms) / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const pad = (value: number): string => String(value).padStart(2, '0');
  return minutes < 60
    ? `${minutes}m ${pad(seconds % 60)}s`
    : `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
}

/** `just now`, `5m ago`, `3h ago`, `12d ago`. */
export function formatAge(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes}m ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ago` : `${Math.floor(hours / 24)}d ago`;
}

/** `950`, `12.3k`, `1.2M`. */
export function formatCount(count: number): string {
  if (count < 1_000) return String(count);
  return count < 999_950 ? `${(count / 1_000).toFixed(1)}k` : `${(count / 1_000_000).toFixed(1)}M`;
}

/** `412 B`, `3.1 kB`, `2.0 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 999_950 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** `$1.25`; with more digits below a cent. */
export function formatCost(usd: number): string {
  return `$${usd > 0 && usd < 0.01 ? usd.toFixed(4) : usd.toFixed(2)}`;
}

/** `12.3k tokens, $0.25`; null where nothing is known. */
export function formatUsage(usage: Usage | null): string | null {
  if (usage === null) return null;
  const tokens = `${formatCount(tokensOf(usage))} tokens`;
  return usage.costUsd === null ? tokens : `${tokens}, ${formatCost(usage.costUsd)}`;
}

/** `12.3k of 50.0k tokens (24 %), $0.25 of $1.00 (25 %)`: what of each cap is used up. */
export function formatBudget(shares: readonly BudgetShare[]): string {
  return shares.map(formatShare).join(', ');
}

function formatShare({ item, spent, cap }: BudgetShare): string {
  const share = `(${Math.floor((spent / cap) * 100)} %)`;
  switch (item) {
    case 'tokens':
      return `${formatCount(spent)} of ${formatCount(cap)} tokens ${share}`;
    case 'cost_usd':
      return `${formatCost(spent)} of ${formatCost(cap)} ${share}`;
    case 'turns':
      return `${spent} of ${plural(cap, 'turn')} ${share}`;
    case 'wall_ms':
      return `${formatDuration(spent)} of ${formatDuration(cap)} ${share}`;
  }
}

/** `14:03:59, in 12m 05s`; `now` once the time has come. @param now milliseconds since the epoch */
export function formatUntil(iso: string, now: number): string {
  const left = Date.parse(iso) - now;
  return left <= 0 ? 'now' : `${formatTime(iso)}, in ${formatDuration(left)}`;
}

/** `running`; `paused (quota until 14:03:59, in 12m 05s)`. @param now milliseconds since the epoch */
export function formatSessionState({ state, pauseReason, resumeAt }: Session, now: number): string {
  if (pauseReason === null) return state;
  return `${state} (${pauseReason}${resumeAt === null ? '' : ` until ${formatUntil(resumeAt, now)}`})`;
}

/** `14:03:59` in the machine's own time zone. */
export function formatTime(iso: string): string {
  return new Date(iso).toTimeString().slice(0, 8);
}

/** Text from outside on one line, without control characters; names are for {@link showName}. */
export function oneLine(text: string): string {
  return plainText(text.replaceAll(/[ \t\n\v\f\r]+/g, ' ')).trim();
}

/** A path or another name that may hold any character, on one line: what cannot be seen in it is shown. */
export function showName(name: string): string {
  return showControls(name.replaceAll('\n', '\\n').replaceAll('\t', '\\t'));
}

/** `1 agent`, `2 agents`. */
export function plural(count: number, noun: string, several = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : several}`;
}
