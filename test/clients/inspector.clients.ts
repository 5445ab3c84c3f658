/** The command line of the official Inspector against the built server, which it starts anew for every request. */
import { test } from 'node:test';
import { inspectEverything } from './inspector-tour.ts';
import { maosProgram } from './workplace.ts';

test('the Inspector reads what MAOS offers and what it answers', { concurrency: 2 }, (t) =>
  inspectEverything(t, async ({ maosHome }) => ({
    args: [process.execPath, maosProgram, 'serve', '-e', `MAOS_HOME=${maosHome}`],
    end: async () => {},
  })),
);
