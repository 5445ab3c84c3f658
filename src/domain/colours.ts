/** SGR sequences of ECMA-48, which set colours and the like: `ESC [ 1 ; 31 m`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const sgr = /\u001b\[([0-9;:]{0,64})m/g;

/** Longest sequence of unended colours that is kept; a program that sets more has lost count. */
const maxOpen = 200;

/** Replaces everything between SGR sequences; sequences that could hide text are left out. */
export function mapAround(text: string, replace: (between: string) => string): string {
  let mapped = '';
  let from = 0;
  for (const match of text.matchAll(sgr)) {
    mapped += replace(text.slice(from, match.index)) + (hides(match[1] ?? '') ? '' : match[0]);
    from = match.index + match[0].length;
  }
  return mapped + replace(text.slice(from));
}

/** Whether it contains 8 (conceal) other than as a part of a colour such as `38;5;8`. */
function hides(parameters: string): boolean {
  const parts = parameters.split(';');
  for (let at = 0; at < parts.length; at++) {
    const isColour = ['38', '48', '58'].includes(parts[at] ?? '');
    if (isColour) at += parts[at + 1] === '2' ? 4 : 2;
    else if (Number(parts[at]) === 8) return true;
  }
  return false;
}

/**
 * The SGR sequences that are still in effect after a text.
 * @param before those in effect before it
 */
export function openColour(before: string, text: string): string {
  let open = before;
  for (const [sequence, parameters = ''] of text.matchAll(sgr)) {
    if (/^0*$/.test(parameters)) open = '';
    else if (/^0*;/.test(parameters)) open = sequence;
    else open = open.length + sequence.length > maxOpen ? sequence : open + sequence;
  }
  return open;
}
