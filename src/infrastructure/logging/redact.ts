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
export function isSecretName(name: string): boolean {
  const words = name
    .slice(0, 200)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return words.some((word) => secretWords.has(word)) || words.join('').endsWith('apikey');
}

/** The text without what obviously is a secret. It finds the known shapes, not every secret: do not log any. */
export function redactText(text: string): string {
  return secretTexts.reduce(
    (redacted, [pattern, replacement]) => redacted.replace(pattern, replacement),
    text,
  );
}

/** What stands in the place of a secret. */
export const redacted = mask;
