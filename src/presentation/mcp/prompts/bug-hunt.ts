import { definePrompt } from '../server/prompt.ts';
import { given, howToRun } from './team.ts';

export const bugHunt = definePrompt({
  name: 'bug-hunt',
  title: 'Find and fix a bug with a team',
  description: 'Agents test different hypotheses in parallel; one fixes the proven cause.',
  arguments: [
    { name: 'symptom', description: 'What goes wrong, as a user sees it', required: true },
    { name: 'reproduce', description: 'Command or steps that reproduce it', required: false },
    { name: 'area', description: 'Suspected part of the code', required: false },
  ],
  text: ({ symptom, reproduce, area }) => `Find and fix this bug with a team of agents, using the MAOS tools.

Symptom: ${symptom?.trim()}
${given('Reproduce with', reproduce)}${given('Suspected in', area)}
A good shape for the team:
1. tester: writes the smallest failing test or command that reproduces the symptom, and puts it with its output into the shared context. If the symptom cannot be reproduced, it reports what it tried, and the hunt ends here.
2. Then, in parallel, two to four agents of role analyst, each with a different hypothesis of yours (for example: the data, the timing, the boundary between two modules, a recent change). Each tries to refute its hypothesis and writes down the evidence with files and lines. They change nothing.
3. Then backend_engineer (or the engineer of that area) fixes the cause that the evidence shows, not the symptom, and keeps the failing test as a regression test.
4. Then reviewer confirms that the test failed before and passes now and that the whole test suite passes, and looks for the same mistake elsewhere.

${howToRun}`,
});
