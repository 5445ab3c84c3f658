import { showInvisible } from '../../../domain/invisible-marks.ts';
/**
 * Every result of a tool, structured content and text together, stays under this. Clients cut or hide longer ones,
 * each at another length, and never say what is missing.
 */
export const maxResultBytes = 10_000;

/** The protocol's own share of a result: keys, braces and the JSON-RPC envelope. */
const envelopeBytes = 160;

/** What a value adds to a result: its JSON as structured content, and that JSON once more as a string in the text. */
export function costOf(value: unknown): number {
  const json = JSON.stringify(value);
  return Buffer.byteLength(json) + Buffer.byteLength(JSON.stringify(showInvisible(json))) - 2;
}

/** Bytes left for lists beside the rest of an answer. */
export function roomBeside(answer: unknown): number {
  return maxResultBytes - envelopeBytes - costOf(answer);
}

/** How many of the items, from the first, fit into the bytes. */
export function countFitting(items: readonly unknown[], bytes: number, cost = costOf): number {
  let left = bytes;
  const over = items.findIndex((item) => {
    left -= cost(item) + 2;
    return left < 0;
  });
  return over < 0 ? items.length : over;
}

/** Names that fit into the bytes; the last entry says how many more there are. */
export function fitNames(names: readonly string[], bytes: number): readonly string[] {
  const fitting = countFitting(names, bytes);
  if (fitting === names.length) return names;
  const shown = countFitting(names, bytes - 60);
  return [...names.slice(0, shown), `… ${names.length - shown} more`];
}
