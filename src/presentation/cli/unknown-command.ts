import { quote } from '../../domain/errors.ts';
import { nearest } from '../../domain/nearest.ts';
import type { CliCommand } from './command.ts';

/** Commands of other tools, with those of MAOS that people most likely mean by them. */
const meant: Readonly<Record<string, string>> = {
  abort: 'cancel',
  apply: 'land',
  check: 'doctor',
  clean: 'gc',
  continue: 'resume',
  create: 'run',
  delete: 'gc',
  describe: 'status',
  down: 'cancel',
  end: 'cancel',
  exec: 'run',
  follow: 'logs -f',
  get: 'status',
  health: 'doctor',
  history: 'list',
  htop: 'watch',
  info: 'status',
  inspect: 'status',
  install: 'init',
  kill: 'cancel',
  merge: 'land',
  monitor: 'watch',
  new: 'run',
  orchestrate: 'run',
  output: 'logs',
  prune: 'gc',
  register: 'init',
  remove: 'gc',
  rerun: 'retry',
  restart: 'retry',
  rm: 'gc',
  send: 'message send',
  sessions: 'list',
  setup: 'init',
  settings: 'config',
  show: 'status',
  start: 'run',
  stop: 'cancel',
  suspend: 'pause',
  tail: 'logs -f',
  terminate: 'cancel',
  top: 'watch',
  tui: 'watch',
  ui: 'watch',
  unpause: 'resume',
  up: 'run',
};

/** The message for a command that does not exist. @param commands in the order of the help */
export function unknownCommand(word: string, commands: readonly CliCommand[]): string {
  const suggestion = commandLike(word, commands);
  return `Unknown command ${quote(word)}.${suggestion === null ? '' : ` Did you mean '${suggestion}'?`}`;
}

function commandLike(word: string, commands: readonly CliCommand[]): string | null {
  const shown = commands.filter(({ hidden }) => hidden !== true);
  const names = shown.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
  const known = Object.hasOwn(meant, word.toLowerCase()) ? meant[word.toLowerCase()] : undefined;
  if (known !== undefined && names.includes(known.split(' ')[0] ?? '')) return known;
  const begun = word.length < 2 ? [] : names.filter((name) => name.startsWith(word));
  return begun.length === 1 ? String(begun[0]) : nearest(word, names);
}
