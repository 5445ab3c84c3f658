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
1. solution_architect: reads the code, decides where the feature belongs, and writes a short specification with interfaces, edge cases and acceptance criteria into the shared context.
2. Then, in parallel: backend_engineer and, if there is a user interface, frontend_engineer, each with its own files; and tester, which writes tests from the specification, not from the code.
3. Then reviewer runs the tests, compares the change with the specification, and fixes or reports every defect.
4. documenter, in parallel with the reviewer, if users will notice the feature.

${howToRun}`,
});
