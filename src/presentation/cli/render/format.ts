import { formatCost, formatCount, formatDuration, plural } from '../../../domain/amounts.ts';
import type { BudgetShare } from '../../../domain/budget.ts';
import type { Session } from '../../../domain/session.ts';

/** `just now`, `5m ago`, `3h ago`, `12d ago`. */
export function formatAge(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes}m ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ago` : `${Math.floor(hours / 24)}d ago`;
}

/** `412 B`, `3.1 kB`, `2.0 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 999_950 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** `12.3k of 50.0k tokens (24 %), $0.25 of $1.00 (25 %)`: how much of each limit is used. */
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

/** `14:03:59, in 12m 05s`, or `now` when the time has passed. @param now in Unix milliseconds */
export function formatUntil(iso: string, now: number): string {
  const left = Date.parse(iso) - now;
  return left <= 0 ? 'now' : `${formatTime(iso)}, in ${formatDuration(left)}`;
}

/** `running`, or `paused (quota until 14:03:59, in 12m 05s)`. @param now in Unix milliseconds */
export function formatSessionState({ state, pauseReason, resumeAt }: Session, now: number): string {
  if (pauseReason === null) return state;
  return `${state} (${pauseReason}${resumeAt === null ? '' : ` until ${formatUntil(resumeAt, now)}`})`;
}

/** `14:03:59` in the machine's own time zone. */
export function formatTime(iso: string): string {
  return new Date(iso).toTimeString().slice(0, 8);
}
