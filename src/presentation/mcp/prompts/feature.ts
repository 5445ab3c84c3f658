import { definePrompt } from '../server/prompt.ts';
import { given, howToRun } from './team.ts';

export const feature = definePrompt({
  name: 'feature',
  title: 'Build a feature with a team',
  description: 'A team designs, builds, tests and reviews a feature.',
  arguments: [
    { name: 'description', description: 'What the feature does, and for whom', required: true },
    { name: 'area', description: 'Part of the project it belongs to', required: false },
    { name: 'check', description: 'Command that must pass at the end', required: false },
  ],
  text: ({ description, area, check }) => `Build this feature with a team of agents, using the MAOS tools.

Feature: ${description?.trim()}
${given('Area', area)}${given('Must pass at the end', check)}
A good shape for the team:
1. solution_architect: reads the code, decides where the feature belongs, and writes a short specification with interfaces, edge cases and acceptance criteria to the shared context.
2. After it, side by side: backend_engineer and, where there is a user interface, frontend_engineer, each with its own files; and tester, who writes tests from the specification, not from the code.
3. After them: reviewer, who runs the tests, reads the change against the specification and fixes what is wrong, or says what is.
4. documenter, side by side with the reviewer, if users will notice the feature.

${howToRun}`,
});
