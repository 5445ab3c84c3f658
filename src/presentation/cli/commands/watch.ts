import { MaosError } from '../../../domain/errors.ts';
import type { CliCommand } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import { allOption } from './session-argument.ts';

export const watchCommand: CliCommand = {
  name: 'watch',
  summary: 'Watch and control sessions, full screen',
  details: [
    'Shows the sessions of the project, and for each its agents, their output, the dependency graph, events, messages, requests, checks and diffs. Keys answer requests, and pause, resume, cancel, retry and land after you confirm what will happen. Press ? for the keys.',
    'Leaving it changes nothing: the sessions continue. It needs a terminal of 80 columns and 24 rows.',
  ].join('\n'),
  arguments: [{ syntax: '[session]', description: 'session to open at once' }],
  options: [allOption],
  examples: [
    { line: 'maos watch', says: 'the sessions of this project' },
    { line: 'maos watch latest', says: 'the newest session' },
    { line: 'maos watch --all', says: 'the sessions of every project' },
  ],
  async run(context) {
    const { args, terminal, stdin, json, program } = context;
    if (json || !terminal.live || stdin.isTTY !== true) {
      const what = json ? 'prints no JSON' : 'needs a terminal for its input and output';
      throw new MaosError(
        'INVALID_INPUT',
        `'maos watch' ${what}. Use '${program} list${json ? ' --json' : ''}' and '${program} status${json ? ' --json' : ''}' instead.`,
        { details: { command: 'watch' } },
      );
    }
    const [reference] = args;
    const session = reference === undefined ? null : await new SessionFinder(context).session(reference);
    const { watchSessions } = await import('../watch/watch.ts');
    return watchSessions(context, session);
  },
};
