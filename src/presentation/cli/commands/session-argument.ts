import type { ArgumentSpec } from '../command.ts';

export const sessionArgument: ArgumentSpec = {
  syntax: '[session]',
  description: "id, an unambiguous part of its start or end, or 'latest' (default)",
};

export const neededSessionArgument: ArgumentSpec = {
  syntax: '<session>',
  description: "id, an unambiguous part of its start or end, or 'latest'",
};
