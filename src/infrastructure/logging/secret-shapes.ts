/** The replacement for a secret. */
export const redacted = '[redacted]';

/** Prefixes of keys from model providers, code hosts, registries and other services. */
const prefixes = [
  // Models.
  'sk-|sk_|gsk_|hf_|r8_|xai-|pplx-|csk-|nvapi-|tvly-|fw_|ya29\\.|AIza|sess-',
  // Code hosts and registries.
  'gh[oprsu]_|github_pat_|glpat-|gldt-|glrt-|npm_|pypi-|rubygems_|dckr_pat_|ATATT3',
  // Others.
  'xox[abeoprs]-|xapp-|rk_|whsec_|shpat_|dop_v1_|doo_v1_|SG\\.|lin_api_|ntn_|phx_|sntrys_|sntryu_|hvs\\.|hvb\\.|tskey-|maos_agent_',
];

/** Text that is a secret wherever it appears, with its replacement. */
const shapes: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`(?<![A-Za-z0-9])(?:${prefixes.join('|')})[A-Za-z0-9_.-]{16,}`, 'g'), redacted],
  [/\bA(?:KIA|SIA)[A-Z0-9]{16}\b/g, redacted],
  // JSON web tokens.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, redacted],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, redacted],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${redacted}`],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@]{0,100}):[^\s/@]{1,500}@/gi, `$1:${redacted}@`],
];

/** Replaces text that looks like a secret, whatever its name. */
export function redactShapes(text: string): string {
  return shapes.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), text);
}
