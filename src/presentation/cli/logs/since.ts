import { startOf } from '../../../domain/cut-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * A moment as people give it: a time of RFC 3339 (`2026-11-27T10:00:00Z`; without an offset, in the zone of this
 * machine), or how long ago (`90s`, `10m`, `2h`, `1d`, `1h30m`).
 * @returns Unix milliseconds
 * @throws MaosError INVALID_INPUT
 */
export function readSince(text: string, now: number): number {
  const ago = agoOf(text.trim());
  if (ago !== null) return now - ago;
  const time = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/i.test(text.trim())
    ? Date.parse(/^\d{4}-\d\d-\d\d$/.test(text.trim()) ? `${text.trim()}T00:00` : text.trim())
    : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new MaosError(
    'INVALID_INPUT',
    `--since ${quote(text)} is not a time: write how long ago, such as '10m' or '2h', or a time such as '2026-11-27T10:00:00Z'.`,
    { details: { option: 'since', value: startOf(text, 200) } },
  );
}

function agoOf(text: string): number | null {
  if (!/^(\d+(\.\d+)?[smhd])+$/.test(text)) return null;
  const parts = text.match(/[\d.]+[smhd]/g) ?? [];
  return parts.reduce((sum, part) => {
    const unit = part.slice(-1) as keyof typeof unitMs;
    return sum + Number(part.slice(0, -1)) * unitMs[unit];
  }, 0);
}
