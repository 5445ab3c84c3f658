/** Words in a name that indicate a secret: `authToken`, `client_secret`, `--api-key`. */
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

/** In MCP this identifies a request; it is not a credential. */
const harmlessNames = new Set(['progressToken']);

/** Whether the name indicates that text under it is a secret. `inputTokens` holds a number, which is never replaced. */
export function isSecretName(name: string): boolean {
  if (harmlessNames.has(name)) return false;
  const words = name
    .slice(0, 200)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  if (/[A-Z]KEY$/.test(name)) return true;
  return words.some((word) => secretWords.has(word) || /(?:token|secret|password|apikey)$/.test(word));
}

/** An object under "key" is not a secret (a launch key contains an agent's id); one under "credentials" is. */
export function isSecretMember(name: string, isObject: boolean): boolean {
  return isSecretName(name) && !(isObject && /key$/i.test(name));
}
