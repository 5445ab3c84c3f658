/**
 * Each character's code, with its quotes in higher bits: 'a; b' in quotes is one text, without them it is two commands.
 * Numbers instead of objects, because a client may send millions.
 */
export type Marked = Uint32Array;

/** A word without its quotes, or an operator of one character. */
export interface ShellToken {
  readonly word: string;
  readonly operator: string | null;
}

/** Added to the code of a character in single or double quotes. */
export const inSingleQuotes = 0x1_0000;
const inDoubleQuotes = 0x2_0000;

const singleQuote = codeOf("'");
const doubleQuote = codeOf('"');
const operators = new Set(';&|<>');
/** Outside quotes, these characters make a shell do more than split a line into words and operators. */
const expansions = new Set('$`()\\#\n\r');
/** The same within double quotes; within single quotes everything is text. */
const expansionsInDoubleQuotes = new Set('$`\\');

export function codeOf(character: string): number {
  return character.charCodeAt(0);
}

/** Null when a quote is not closed. Does not handle backslashes: lines with them are refused wherever quotes matter. */
export function markQuotes(text: string): Marked | null {
  const marked = new Uint32Array(text.length);
  let quotes = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    marked[at] = code + quotes;
    if (isQuoteMark(code + quotes))
      quotes = quotes > 0 ? 0 : code === singleQuote ? inSingleQuotes : inDoubleQuotes;
  }
  return quotes === 0 ? marked : null;
}

export function markUnquoted(text: string): Marked {
  const marked = new Uint32Array(text.length);
  for (let at = 0; at < text.length; at++) marked[at] = text.charCodeAt(at);
  return marked;
}

/** Splits a line like a POSIX shell; null if the shell would do more than split it into words and operators. */
export function readShellWords(marked: Marked): readonly ShellToken[] | null {
  const tokens: ShellToken[] = [];
  let word: string | null = null;
  const endWord = (): void => {
    if (word !== null) tokens.push({ word, operator: null });
    word = null;
  };
  for (const mark of marked) {
    const character = String.fromCharCode(mark % inSingleQuotes);
    const isUnquoted = mark < inSingleQuotes;
    if (isUnquoted && expansions.has(character)) return null;
    if (mark >= inDoubleQuotes && expansionsInDoubleQuotes.has(character)) return null;
    if (isUnquoted && (character === ' ' || character === '\t')) {
      endWord();
    } else if (isUnquoted && operators.has(character)) {
      endWord();
      tokens.push({ word: '', operator: character });
    } else {
      word = (word ?? '') + (isQuoteMark(mark) ? '' : character);
    }
  }
  endWord();
  return tokens;
}

/** Whether it is a quote that opens or closes, not one within quotes of the other kind. */
function isQuoteMark(mark: number): boolean {
  if (mark < inSingleQuotes) return mark === singleQuote || mark === doubleQuote;
  return mark === singleQuote + inSingleQuotes || mark === doubleQuote + inDoubleQuotes;
}
