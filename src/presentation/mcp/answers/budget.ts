import { showInvisible } from '../../../domain/invisible-marks.ts';
/**
 * Maximum size of a tool result, structured content and text together. Clients cut or hide longer ones, each at a
 * different length, without saying what is missing.
 */
export const maxResultBytes = 10_000;

/** The protocol's overhead of a result: keys, braces and the JSON-RPC envelope. */
const envelopeBytes = 160;

/** What a value adds to a result: its JSON as structured content, and again as a JSON string in the text. */
export function costOf(value: unknown): number {
  const json = JSON.stringify(value);
  return Buffer.byteLength(json) + Buffer.byteLength(JSON.stringify(showInvisible(json))) - 2;
}

/** Bytes left for lists beside the rest of a result. */
export function roomBeside(answer: unknown): number {
  return maxResultBytes - envelopeBytes - costOf(answer);
}

/** How many items from the beginning fit. */
export function countFitting(items: readonly unknown[], bytes: number, cost = costOf): number {
  let left = bytes;
  const over = items.findIndex((item) => {
    left -= cost(item) + 2;
    return left < 0;
  });
  return over < 0 ? items.length : over;
}

/** The names that fit; the last entry says how many are left out. */
export function fitNames(names: readonly string[], bytes: number): readonly string[] {
  const fitting = countFitting(names, bytes);
  if (fitting === names.length) return names;
  const shown = countFitting(names, bytes - 60);
  return [...names.slice(0, shown), `… ${names.length - shown} more`];
}
