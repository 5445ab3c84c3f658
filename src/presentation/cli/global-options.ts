import type { OptionSpec } from './command.ts';

/** The options that every command takes. */
export const globalOptions: readonly OptionSpec[] = [
  {
    flags: '--json',
    description: 'print JSON on stdout (JSON lines for streams), and errors as JSON on stderr',
    kind: 'flag',
  },
  {
    flags: '--fields <list>',
    description: 'print only these fields, as JSON, such as state,agents.name',
    kind: 'text',
  },
  {
    flags: '-C, --project <path>',
    description: 'folder of the project (default: the repository or folder you are in)',
    kind: 'text',
  },
  { flags: '--no-pager', description: 'write long output to the terminal directly', kind: 'flag' },
  { flags: '--no-color', description: 'disable colors, as NO_COLOR does', kind: 'flag' },
];
