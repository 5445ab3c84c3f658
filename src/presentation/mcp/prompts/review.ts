import { definePrompt } from '../server/prompt.ts';
import { given, howToRun } from './team.ts';

export const review = definePrompt({
  name: 'review',
  title: 'Review a change with a team',
  description: 'Reviewers with different eyes read a change side by side; one weighs what they found.',
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
  }) => `Review this with a team of agents, using the MAOS tools. Nothing of the project is changed.

To review: ${target?.trim()}
${given('What matters most', focus)}
A good shape for the team:
1. Side by side, each with the same target and its own question: reviewer (is it correct? follow each path with the values that could break it), security (what can a hostile input or user do?), solution_architect (does it belong where it is, and does it repeat what is there already?), tester (which behaviour has no test that would fail without it? run the tests there are). Leave out those the target gives nothing to; add data_scientist, frontend_engineer or others where it does.
   Each writes findings to its results: file and line, what happens, how it was checked, how bad it is.
2. After all of them: analyst reads the findings, tries to refute each one in the code, drops what does not hold, merges what is the same, and orders the rest by what it would cost users.

${howToRun}`,
});
