import { redactCommands } from './command-secrets.ts';
import { endOfText } from './quoted-text.ts';
import { isSecretMember } from './secret-names.ts';
import { redacted, redactShapes } from './secret-shapes.ts';

/** Replaces recognisable secrets. Finds known names and shapes only, so do not log secrets on purpose. */
export function redactText(text: string): string {
  return redactShapes(redactCommands(redactMembers(text)));
}

/** A member name in JSON with its colon. Its quotes are escaped (`\"`, `\\\"`) when the JSON is nested in a string. */
const member = /(?<!\\)(\\{0,15})"([^"\\]{1,200})\1"\s*:\s*/g;

/** Replaces values of secret members in JSON, even if the JSON is cut off anywhere. */
function redactMembers(text: string): string {
  let clean = '';
  let done = 0;
  for (const { 0: head, 1: escapes = '', 2: name = '', index } of text.matchAll(member)) {
    const start = index + head.length;
    const first = text[start] ?? '';
    const isObject = first === '{' || first === '[';
    const isText = text.startsWith(`${escapes}"`, start);
    if (index < done || !(isText || isObject) || !isSecretMember(name, isObject)) continue;
    clean += `${text.slice(done, start)}${escapes}"${redacted}${escapes}"`;
    done = isText
      ? endOfText(text, start + escapes.length + 1, escapes.length)
      : endOfObject(text, start, escapes.length);
  }
  return clean + text.slice(done);
}

function endOfObject(text: string, from: number, escapes: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at] as string;
    if (character === '"') at = endOfText(text, at + 1, escapes) - 1;
    else if ('{['.includes(character)) depth += 1;
    else if ('}]'.includes(character)) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return text.length;
}
