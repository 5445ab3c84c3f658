import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** The pages for readers, by their paths in the repository. */
export function pages(): ReadonlyMap<string, string> {
  const inDocs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => relative(root, join(root, 'docs', name)));
  return new Map(
    ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', ...inDocs.toSorted()].map((path) => [
      path,
      readFileSync(join(root, path), 'utf8'),
    ]),
  );
}

/** The command lines in the blocks of sh of a page; what is continued on the next line, as one. */
export function shellLines(page: string): readonly string[] {
  const blocks = [...(pages().get(page) ?? '').matchAll(/^```(?:sh|bash)\n(.*?)^```/gms)];
  const text = blocks.map(([, body = '']) => body).join('');
  return text
    .replaceAll(/( \||,)\n +/g, '$1 ')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

/** A command line of maos in a page. */
export interface DocumentedCommand {
  readonly page: string;
  readonly words: readonly string[];
  /** Whether it is part of a block of shell lines, and so to be typed as it is. */
  readonly inBlock: boolean;
}

/** The command lines of maos in blocks of shell lines, and between backquotes. */
export function documentedCommands(page: string, text: string): readonly DocumentedCommand[] {
  const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```/gms)].filter(([, language = '']) =>
    ['', 'sh', 'console', 'bash'].includes(language),
  );
  const prose = text.replaceAll(/^```.*?^```/gms, '');
  const inline = [...prose.matchAll(/`((?:npx )?maos [^`]+)`/g)].map(([, line = '']) => line);
  const lines = blocks.flatMap(([, language, body = '']) =>
    language === 'console'
      ? [...body.matchAll(/^\$ (.*)$/gm)].map(([, line = '']) => line)
      : body.split('\n'),
  );
  const commands = (line: string, inBlock: boolean) =>
    maosCalls(line).map((words) => ({ page, words, inBlock }));
  return [
    ...lines.flatMap((line) => commands(line, true)),
    ...inline.flatMap((line) => commands(line.replaceAll(/\s+/g, ' '), false)),
  ];
}

/** The words after each `maos` that a line of sh starts, also within `$(…)`. */
export function maosCalls(line: string): readonly (readonly string[])[] {
  const calls: string[][] = [];
  for (const command of shellCommands(line)) {
    const words = command[0] === 'npx' ? command.slice(1) : command;
    if (words[0] === 'maos') calls.push(words.slice(1));
  }
  return calls;
}

/** The commands of a line of sh, each as its words; redirections are left out. */
function shellCommands(line: string): readonly string[][] {
  const token =
    /\s*(?:(#.*$)|(\d?>>?\s*\S+|<\s*\S+)|(&&|\|\|?|;|&|\$\(|[()`])|((?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\|;&<>()`])+))/gy;
  const commands: string[][] = [[]];
  for (const [, comment, redirection, operator, word] of line.matchAll(token)) {
    if (comment !== undefined) break;
    if (redirection !== undefined) continue;
    if (operator !== undefined) commands.push([]);
    if (word === undefined) continue;
    const inner = /\$\((.*)\)/.exec(word);
    if (inner?.[1] !== undefined) commands.unshift(...shellCommands(inner[1]));
    const start = /^[A-Za-z_]+=\$$/.test(word) ? [] : [unquoted(word)];
    commands.at(-1)?.push(...start);
  }
  return commands;
}

function unquoted(word: string): string {
  return word.replaceAll(
    /'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g,
    (_, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replaceAll(/\\(.)/g, '$1') ?? escaped ?? '',
  );
}
