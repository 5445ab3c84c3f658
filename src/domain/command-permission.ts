import {
  codeOf,
  inSingleQuotes,
  type Marked,
  markQuotes,
  markUnquoted,
  readShellWords,
  type ShellToken,
} from './shell-words.ts';
import { countBarred, matchesParts, splitAtStars } from './star-match.ts';

/** A program with its arguments, or a line for /bin/sh. */
export type Command = readonly string[] | string;

/** In characters; a longer text is allowed only by a pattern that equals it. */
export const maxMatchedLength = 4_096;

/** In a line, these characters end a command, begin another, name a file or hide what follows. */
const barredInLine = new Set([...';&|<>$`()\\\n\r'].map(codeOf));
const commentMark = codeOf('#');
const lineFeed = codeOf('\n');
/** After these words a shell expects a command or its own syntax, so the next word need not be the program. */
const reservedWords = new Set(
  '! { } [[ case coproc do done elif else esac fi for function if in select then time until while'.split(' '),
);

/**
 * A compiled entry of `allowCommands`. Arrays are compared word by word, so that no word matches several and the
 * program is exactly the named one. Lines are compared including their quoting, so that a quote matched by `*` cannot
 * turn quoted text of the pattern into a command.
 */
export interface CommandPattern {
  readonly text: string;
  /** The texts between the `*`; null: only an identical line is allowed. */
  readonly line: readonly Marked[] | null;
  /** The pattern of each word of an array; null: no array is allowed. */
  readonly words: readonly (readonly Marked[])[] | null;
}

/** @param text one entry of `allowCommands`; never fails: an entry that cannot be a pattern is an exact line */
export function compilePattern(text: string): CommandPattern {
  const marked = markQuotes(text);
  const tokens = marked === null ? null : readShellWords(marked);
  if (marked === null || tokens === null) return { text, line: null, words: null };
  return {
    text,
    line: text === '*' || namesItsPrograms(tokens) ? splitAtStars(marked) : null,
    words: wordsOf(tokens)?.map((word) => splitAtStars(markUnquoted(word))) ?? null,
  };
}

/** Takes time linear in the command's length. Only the pattern `*` allows every program. */
export function isCommandAllowed(patterns: readonly CommandPattern[], command: Command): boolean {
  if (typeof command === 'string') return isLineAllowed(patterns, command);
  return patterns.some(
    ({ text, words }) => text === '*' || (words !== null && isArrayAllowed(words, command)),
  );
}

/** A pattern that allows exactly this command. */
export function patternFor(command: Command): string {
  if (typeof command === 'string') return command;
  const isBare = (word: string): boolean => /^[^\s'"$`()\\#;&|<>]+$/.test(word);
  return command.map((word) => (isBare(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`)).join(' ');
}

function isLineAllowed(patterns: readonly CommandPattern[], line: string): boolean {
  if (patterns.some(({ text }) => text === line)) return true;
  const marked = line.length > maxMatchedLength ? null : markQuotes(line);
  if (marked === null) return false;
  const barred = countBarred(
    marked,
    (mark) => mark === commentMark || barredInLine.has(mark % inSingleQuotes),
  );
  return patterns.some((pattern) => pattern.line !== null && matchesParts(pattern.line, marked, barred));
}

function isArrayAllowed(words: readonly (readonly Marked[])[], array: readonly string[]): boolean {
  if (words.length !== array.length) return false;
  return words.every((parts, index) => {
    const word = array[index] ?? '';
    if (word.length > maxMatchedLength) return false;
    const marked = markUnquoted(word);
    return matchesParts(
      parts,
      marked,
      countBarred(marked, (mark) => mark === lineFeed),
    );
  });
}

/** True when no `*` could match a program name, or shift another word into its position or that of a redirection's file. */
function namesItsPrograms(tokens: readonly ShellToken[]): boolean {
  let isNamed = false;
  let isFile = false;
  for (const { word, operator } of tokens) {
    if (operator !== null) {
      isFile = operator === '<' || operator === '>';
      if (isFile && !isNamed) return false;
      isNamed &&= isFile;
      continue;
    }
    if (isFile && /^\*+$/.test(word)) return false;
    isFile = false;
    if (isNamed) continue;
    if (word.includes('*') || reservedWords.has(word)) return false;
    isNamed = !word.includes('=');
  }
  return true;
}

/** The words of a pattern that is one plain command with a fixed program; null otherwise. */
function wordsOf(tokens: readonly ShellToken[]): readonly string[] | null {
  if (tokens.length === 0 || tokens.some(({ operator }) => operator !== null)) return null;
  const words = tokens.map(({ word }) => word);
  return words[0]?.includes('*') === true ? null : words;
}
