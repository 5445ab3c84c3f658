import type { CliCommand } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import { attachSession } from '../run/view-session.ts';
import { allOption, sessionArgument } from './session-argument.ts';

export const attachCommand: CliCommand = {
  name: 'attach',
  summary: 'Show a running session live, from any terminal',
  details: [
    'Shows what maos run shows, whichever process runs the session, until it ends or pauses. Ctrl-C leaves the view; the session continues.',
    'If the plan says "land": "auto" (maos run --land), the view continues with the session that lands the work.',
    'With --json, stdout is JSON lines, as for run.',
    'Exit status: as for run; 130 if you leave the view.',
  ].join('\n'),
  arguments: [sessionArgument],
  options: [allOption],
  examples: [
    { line: 'maos attach', says: 'the newest session' },
    { line: 'maos attach k7q2', says: 'by the end of its id' },
  ],
  run: async (context) =>
    attachSession(context, await new SessionFinder(context).session(context.args[0] ?? 'latest')),
};
