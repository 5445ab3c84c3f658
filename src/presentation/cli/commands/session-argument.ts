import type { ArgumentSpec, OptionSpec } from '../command.ts';

export const sessionArgument: ArgumentSpec = {
  syntax: '[session]',
  description: "id, an unambiguous part of its start or end, or 'latest' (default)",
};

export const neededSessionArgument: ArgumentSpec = {
  syntax: '<session>',
  description: "id, an unambiguous part of its start or end, or 'latest'",
};

export const allOption: OptionSpec = {
  flags: '--all',
  description: 'search every project; without it, other projects need the full id',
  kind: 'flag',
};
