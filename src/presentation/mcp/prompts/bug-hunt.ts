import { definePrompt } from '../server/prompt.ts';
import { given, howToRun } from './team.ts';

export const bugHunt = definePrompt({
  name: 'bug-hunt',
  title: 'Find and fix a bug with a team',
  description: 'Agents follow different suspicions side by side; one fixes what is proven.',
  arguments: [
    { name: 'symptom', description: 'What goes wrong, as seen from outside', required: true },
    { name: 'reproduce', description: 'Command or steps that show it', required: false },
    { name: 'area', description: 'Where you suspect it', required: false },
  ],
  text: ({ symptom, reproduce, area }) => `Find and fix this bug with a team of agents, using the MAOS tools.

Symptom: ${symptom?.trim()}
${given('Shown by', reproduce)}${given('Suspected in', area)}
A good shape for the team:
1. tester: makes the smallest failing test or command that shows the symptom, and leaves it with its output in the shared context. If it cannot be shown, it says what was tried, and the hunt ends here.
2. After it, side by side, two to four agents of role analyst, each with another suspicion of yours (for example: the data, the timing, the boundary between two modules, a recent change in the history). Each tries to refute its suspicion and writes down evidence with files and lines. They change nothing.
3. After all of them: backend_engineer (or the engineer of that area) fixes the cause the evidence points to, not the symptom, and keeps the failing test as a regression test.
4. After it: reviewer confirms that the test failed before and passes now, that the whole test suite passes, and looks for the same mistake elsewhere.

${howToRun}`,
});
