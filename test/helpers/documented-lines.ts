import { documentedCommands, pages } from './documents.ts';

type Words = readonly string[];

/** Commands that only show something, or change nothing but the settings and files of a scratch folder. */
const harmless: ReadonlySet<string> = new Set([
  ...['audit', 'backends', 'completion', 'config', 'diff', 'doctor', 'events', 'evidence', 'export', 'help'],
  ...['list', 'logs', 'plan', 'ps', 'requests', 'roles', 'run', 'status', 'version'],
]);

const all = [...pages()].flatMap(([page, text]) => documentedCommands(page, text));

function changesNothing([name = '', ...rest]: Words): boolean {
  return harmless.has(name) && !['--watch', '--notify', 'edit', '…'].some((word) => rest.includes(word));
}

function once(lines: readonly Words[]): readonly Words[] {
  return [...new Map(lines.map((words) => [words.join(' '), words])).values()];
}

/** The command lines of the documents that only show something, each once. */
export const showingLines: readonly Words[] = once(
  all
    // Between backquotes, a command's name alone stands for the command.
    .filter(({ words, inBlock }) => (inBlock || words.length > 1) && changesNothing(words))
    .map(({ words }) => words),
);

/** Those in blocks, to be typed as they are, that start, steer or remove something, each once. */
export const actingLines: readonly Words[] = once(
  all.filter(({ words, inBlock }) => inBlock && !changesNothing(words)).map(({ words }) => words),
);
