/** Amounts and times for people, in the reader's zone and format. */

const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minute = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export const fullTime = (at: string): string => full.format(new Date(at));
export const clockTime = (at: string): string => clock.format(new Date(at));

/** The time of today, or else the day with the time. */
export function shortTime(at: string, now: number): string {
  const date = new Date(at);
  if (date.toDateString() === new Date(now).toDateString()) return minute.format(date);
  return `${day.format(date)}, ${minute.format(date)}`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Null: the agents report no tokens. */
export function tokensOf(
  usage: { readonly [name: string]: number | null } | null | undefined,
): number | null {
  if (usage === null || usage === undefined) return null;
  const { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens } = usage;
  return (input_tokens ?? 0) + (output_tokens ?? 0) + (cache_read_tokens ?? 0) + (cache_write_tokens ?? 0);
}
