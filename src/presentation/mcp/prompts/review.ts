import { definePrompt } from '../server/prompt.ts';
import { given, howToRun } from './team.ts';

export const review = definePrompt({
  name: 'review',
  title: 'Review a change with a team',
  description: 'Reviewers with different questions read a change in parallel; one weighs their findings.',
  arguments: [
    {
      name: 'target',
      description: 'What to review: a branch, a commit range, files, a folder',
      required: true,
    },
    {
      name: 'focus',
      description: 'What matters most',
      required: false,
      suggestions: ['correctness', 'security', 'performance', 'readability', 'tests', 'architecture'],
    },
  ],
  text: ({
    target,
    focus,
  }) => `Review this with a team of agents, using the MAOS tools. Do not change the project.

To review: ${target?.trim()}
${given('What matters most', focus)}
A good shape for the team:
1. In parallel, each with the same target and its own question: reviewer (is it correct? follow each path with the values that could break it), security (what can a hostile input or user do?), solution_architect (does it belong there, and does it duplicate existing code?), tester (which behaviour has no test that would fail without it? run the existing tests). Leave out roles that do not apply; add data_scientist, frontend_engineer or others that do.
   Each writes its findings to its results: file and line, what happens, how it was checked, how severe it is.
2. Then analyst reads the findings, tries to refute each one in the code, drops those that do not hold, merges duplicates, and orders the rest by their cost to users.

${howToRun}`,
});
