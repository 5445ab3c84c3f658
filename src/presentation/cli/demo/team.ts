import type { OrchestrateRequest } from '../../../application/control/plan-request.ts';

/**
 * The demo's team: a spec, then code and tests from it in parallel, then a check of one against the other.
 * @param node path of the Node that runs the team's programs
 */
export function demoTeam(node: string): OrchestrateRequest {
  return {
    objective: 'Build slugify(text) from a written spec, test it, and say truthfully whether it works.',
    agents: [
      {
        name: 'spec',
        role: 'documenter',
        task: 'Write spec.md into the shared context: the steps of slugify(text), and examples.',
        command: [node, 'team/write-spec.mjs'],
      },
      {
        name: 'builder',
        role: 'engineer',
        task: 'Build slugify.mjs in the project from the steps in spec.md.',
        command: [node, 'team/build.mjs'],
        dependsOn: ['spec'],
      },
      {
        name: 'tester',
        role: 'tester',
        task: 'Write slugify.test.mjs in the project from the examples in spec.md.',
        command: [node, 'team/write-tests.mjs'],
        dependsOn: ['spec'],
      },
      {
        name: 'checker',
        role: 'reviewer',
        task: 'Run the tests on what was built and leave a report in the results.',
        command: ['/bin/sh', 'team/check.sh', node],
        dependsOn: ['builder', 'tester'],
      },
    ],
  };
}

/** Three agents in git worktrees, whose work MAOS checks and lands. The check of `counter` fails at first. */
export const worktreeTeam: OrchestrateRequest = {
  objective: 'Count words and print them in capitals; land only what passes its check.',
  land: 'auto',
  agents: [
    worker(
      'counter',
      'Write count.sh, which counts the words of words.txt.',
      'count',
      'sh team/check-count.sh',
    ),
    worker(
      'upper',
      'Write upper.sh, which prints words.txt in capitals.',
      'upper',
      'sh upper.sh | grep -q THREE',
    ),
    worker('readme', 'Describe both programs in README.md.', 'readme', 'grep -q count.sh README.md'),
  ],
};

function worker(name: string, task: string, program: string, check: string) {
  const verify = { commands: [check] };
  const command = ['/bin/sh', `team/${program}.sh`];
  return { name, role: 'engineer', task, workspace: 'worktree', command, verify } as const;
}
