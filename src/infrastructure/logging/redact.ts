const mask = '[redacted]';

/** Words in a field's name that say that its text is a secret: `authToken`, `client_secret`, `Authorization`. */
const secretWords = new Set([
  'token',
  'tokens',
  'secret',
  'secrets',
  'password',
  'passwd',
  'passphrase',
  'authorization',
  'bearer',
  'cookie',
  'cookies',
  'credential',
  'credentials',
  'apikey',
  'key',
]);

/** Of MCP: names a request, and is no token in this sense. */
const harmlessNames = new Set(['progressToken']);

/** Texts that are secrets wherever they stand, each with what replaces them. */
const secretTexts: readonly (readonly [RegExp, string])[] = [
  // Keys of model providers, GitHub, GitLab, Slack, AWS, Google.
  [/\bsk-[A-Za-z0-9_-]{16,}/g, mask],
  [/\b(?:gh[oprsu]_|github_pat_|glpat-|xox[abeoprs]-)[A-Za-z0-9_-]{10,}/g, mask],
  [/\bA(?:KIA|SIA)[A-Z0-9]{16}\b/g, mask],
  [/\bAIza[A-Za-z0-9_-]{30,}/g, mask],
  // JSON web tokens.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, mask],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${mask}`],
  [/\b([A-Za-z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD))=("[^"]*"|'[^']*'|\S+)/g, `$1=${mask}`],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@]{0,100}):[^\s/@]{1,500}@/gi, `$1:${mask}@`],
];

/** Whether the name says that a text under it is a secret. `inputTokens` holds a number, which never is one. */
function isSecretName(name: string): boolean {
  if (harmlessNames.has(name)) return false;
  const words = name
    .slice(0, 200)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return words.some((word) => secretWords.has(word)) || words.join('').endsWith('apikey');
}

/** An object under 'key' is no key (a launch key has an agent's id in it); one under 'credentials' is. */
export function isSecretMember(name: string, isObject: boolean): boolean {
  return isSecretName(name) && !(isObject && /key$/i.test(name));
}

/** The text without what obviously is a secret. It finds the known shapes, not every secret: do not log any. */
export function redactText(text: string): string {
  return secretTexts.reduce(
    (redacted, [pattern, replacement]) => redacted.replace(pattern, replacement),
    redactMembers(text),
  );
}

/** A name in JSON with its colon; its quotes are escaped (`\"`, `\\\"`) when the JSON stands in a text of other JSON. */
const member = /(?<!\\)(\\{0,15})"([^"\\]{1,200})\1"\s*:\s*/g;

/** Replaces what stands under the name of a secret in JSON, be it whole or cut anywhere. */
function redactMembers(text: string): string {
  let clean = '';
  let done = 0;
  for (const { 0: head, 1: escapes = '', 2: name = '', index } of text.matchAll(member)) {
    const start = index + head.length;
    const first = text[start] ?? '';
    const isObject = first === '{' || first === '[';
    const isText = text.startsWith(`${escapes}"`, start);
    if (index < done || !(isText || isObject) || !isSecretMember(name, isObject)) continue;
    clean += `${text.slice(done, start)}${escapes}"${mask}${escapes}"`;
    done = isText
      ? endOfText(text, start + escapes.length + 1, escapes.length)
      : endOfObject(text, start, escapes.length);
  }
  return clean + text.slice(done);
}

/**
 * The place behind the next quote that ends a text begun with so many backslashes before its quote. One more level of
 * escaping doubles what is within: a quote of the same level has as many before it, or whole such pairs more.
 */
function endOfText(text: string, from: number, escapes: number): number {
  for (let quote = text.indexOf('"', from); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let first = quote;
    while (first > from && text[first - 1] === '\\') first -= 1;
    if ((quote - first) % (2 * (escapes + 1)) === escapes) return quote + 1;
  }
  return text.length;
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

/** What stands in the place of a secret. */
export const redacted = mask;
