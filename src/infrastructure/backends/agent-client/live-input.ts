import type { LiveInput } from '../../../application/ports/backend.ts';
import { asJson, textOf } from '../shared/json-values.ts';

/** What MAOS writes to the bridge's stdin, one JSON object per line. */
export type BridgeEntry =
  | { readonly type: 'text'; readonly entry: string; readonly text: string }
  | { readonly type: 'answer'; readonly key: string; readonly allow: boolean };

/** The protocol has no place for the message of a denial. */
export const liveInput: LiveInput = {
  takesTexts: 'between_turns',
  text: (entry, text) => line({ type: 'text', entry, text }),
  permission: ({ key }, { allow }) => line({ type: 'answer', key, allow }),
};

/** Null: not an entry. */
export function readEntry(line: string): BridgeEntry | null {
  try {
    const { type, entry, text, key, allow } = asJson(JSON.parse(line));
    if (type === 'text') return { type, entry: textOf(entry), text: textOf(text) };
    return type === 'answer' ? { type, key: textOf(key), allow: allow === true } : null;
  } catch {
    return null;
  }
}

function line(entry: BridgeEntry): Uint8Array {
  return Buffer.from(`${JSON.stringify(entry)}\n`);
}
