import { type BudgetFinding, shareText, tokensOf } from './budget.ts';
import type { Usage } from './usage.ts';

/** Formats amounts for people. */

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

/** `950`, `12.3k`, `1.2M`. */
export function formatCount(count: number): string {
  if (count < 1_000) return String(count);
  return count < 999_950 ? `${(count / 1_000).toFixed(1)}k` : `${(count / 1_000_000).toFixed(1)}M`;
}

/** `$1.25`; with more digits below a cent. */
export function formatCost(usd: number): string {
  return `$${usd > 0 && usd < 0.01 ? usd.toFixed(4) : usd.toFixed(2)}`;
}

/** `12.3k tokens, $0.25`; null if unknown. */
export function formatUsage(usage: Usage | null): string | null {
  if (usage === null) return null;
  const tokens = `${formatCount(tokensOf(usage))} tokens`;
  return usage.costUsd === null ? tokens : `${tokens}, ${formatCost(usage.costUsd)}`;
}

/** `1 agent`, `2 agents`. */
export function plural(count: number, noun: string, several = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : several}`;
}

/** `24,800 of 20,000 tokens (24 % over)`. */
export function findingText(finding: BudgetFinding): string {
  const { item, spent, limit } = finding;
  const share = Math.round((spent / limit) * 100) === 100 && spent >= limit ? 'all used' : shareText(finding);
  const amounts = { tokens: whole, turns: whole, cost_usd: formatCost, wall_ms: formatDuration }[item];
  const unit = { tokens: ' tokens', turns: ' turns', cost_usd: '', wall_ms: ' running time' }[item];
  return `${amounts(spent)} of ${amounts(limit)}${unit} (${share})`;
}

function whole(count: number): string {
  return count.toLocaleString('en-US');
}
