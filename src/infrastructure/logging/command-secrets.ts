import { endOfQuoted } from './quoted-text.ts';
import { isSecretName } from './secret-names.ts';
import { redacted } from './secret-shapes.ts';

/** `--api-key=`, `DB_PASSWORD=`, `?access_token=`. */
const assignment = /(?<![\w.-])(-{0,2}[A-Za-z_][\w.-]{0,100})=/g;
/** `--password X`, and in JSON, which may be nested in a string of other JSON, `"--password", "X"`. */
const option = /(?<![\w.-])(--?[A-Za-z][\w-]{0,100})(?:[ \t]+(?!--)|\\{0,15}["']\s*,\s*(?=\\{0,15}["']))/g;
/** `X-Api-Key: `; the value ends with the line or the surrounding quotes. */
const header =
  /(?<![\w.-])((?:[A-Za-z]{1,40}[-_]){1,5}[A-Za-z]{1,40}|authorization|cookie)[ \t]*:[ \t]*(?!\s)/gi;
/** `curl -u ada:`. */
const user = /(?<![\w-])(?:-u|--user|--proxy-user)(?:[ \t]+|=)(?:\\{0,15}["'])?[^\s:"']{1,100}:(?!\/\/)/g;

/** Replaces values given to programs and servers under a name that indicates a secret. */
export function redactCommands(text: string): string {
  return [assignment, option, header, user].reduce((clean, heads) => redactAfter(clean, heads), text);
}

/** The same for one argument of a program, where spaces are part of the value. */
export function redactArgument(argument: string): string {
  const [head, name = ''] = /^(--?[A-Za-z][\w-]{0,100})=/.exec(argument) ?? [];
  if (head === undefined || !isSecretName(name) || isAmount(name, argument.slice(head.length)))
    return argument;
  return `${head}${redacted}`;
}

/** Whether an argument is a secret, judging by the argument before it. */
export function isSecretArgument(before: unknown, argument: string): boolean {
  if (typeof before !== 'string') return false;
  if (/^(?:-u|--user|--proxy-user)$/.test(before)) return argument.includes(':');
  return (
    /^--?[A-Za-z][\w-]{0,100}$/.test(before) &&
    isSecretName(before) &&
    !argument.startsWith('--') &&
    !isAmount(before, argument)
  );
}

function redactAfter(text: string, heads: RegExp): string {
  let clean = '';
  let done = 0;
  for (const { 0: head, 1: name, index } of text.matchAll(heads)) {
    const start = index + head.length;
    if (index < done || (name !== undefined && !isSecretName(name))) continue;
    const end = endOfValue(text, head, start, heads === header);
    if (end === start || isAmount(name ?? '', text.slice(start, end))) continue;
    clean += `${text.slice(done, start)}${redacted}`;
    done = end;
  }
  return clean + text.slice(done);
}

/** `--tokens 5` is a number of tokens, not a secret. */
function isAmount(name: string, value: string): boolean {
  return /tokens$/i.test(name) && /^\d{1,12}$/.test(value);
}

/** The end of a value: in quotes of its own, in quotes that began at or before its name, or up to a space or quote. */
function endOfValue(text: string, head: string, from: number, isLine: boolean): number {
  const [opening, escapes = '', quote = ''] = matchAt(quotes, text, from) ?? [];
  if (opening !== undefined) return endOfQuoted(text, from + opening.length, escapes, quote);
  const before = text.slice(Math.max(0, from - head.length - 16), from - head.length);
  const around = /(\\{0,15})(["'])[^"']*$/.exec(head) ?? /(\\{0,15})(["'])$/.exec(before);
  if (around !== null) {
    const [, escaped = '', kind = ''] = around;
    const end = endOfQuoted(text, from, escaped, kind);
    return text.endsWith(escaped + kind, end) ? end - escaped.length - 1 : end;
  }
  return from + (matchAt(isLine ? bareLine : bareWord, text, from)?.[0].length ?? 0);
}

const quotes = /(\\{0,15})(["'])/y;
const bareWord = /(?:[^\s"'\\]|\\(?!\\*["']))*/y;
const bareLine = /(?:[^\n"'\\]|\\(?!\\*["']))*/y;

function matchAt(sticky: RegExp, text: string, at: number): RegExpExecArray | null {
  sticky.lastIndex = at;
  return sticky.exec(text);
}
