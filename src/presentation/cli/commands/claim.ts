import { resolve } from 'node:path';
import { PathClaims } from '../../../application/claims/path-claims.ts';
import { MaosError } from '../../../domain/errors.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { defaultClaimMinutes, maxClaimMinutes } from '../../../domain/path-claim.ts';
import { type CallingAgent, callingAgent } from '../../calling-agent.ts';
import { claimView } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const claimCommand: CliCommand = {
  name: 'claim',
  summary: 'Tell the other agents which paths this agent is changing',
  details: [
    'For programs that an agent runs; the MAOS_* variables identify the agent. A claim blocks nobody: an agent that claims the same paths, or edits them with Claude Code, is told who has claimed them, why and until when. Either all of the paths are claimed or none. A claim ends at its time limit, with the agent, or by maos release.',
    'Exit status: 0 claimed, 4 another agent has claimed one of them.',
  ].join('\n'),
  arguments: [
    {
      syntax: '<paths...>',
      description:
        'files, or folders with everything below; * and ? match characters of a name, ** matches folders',
    },
  ],
  options: [
    { flags: '--reason <text>', description: 'reason, shown to the other agents', kind: 'text' },
    {
      flags: '--minutes <n>',
      description: `time limit in minutes (default: ${defaultClaimMinutes})`,
      kind: 'number',
      range: [1, maxClaimMinutes],
    },
  ],
  examples: [
    { line: "maos claim src/api 'docs/*.md' --reason 'the login'", says: 'for an hour' },
    { line: 'maos claim package.json --minutes 5', says: 'for five minutes' },
  ],
  async run(context) {
    const { options, json, terminal } = context;
    const { project, caller } = await neededAgent(context, 'claim');
    const claims = await new PathClaims(project).claim(caller, {
      paths: absolutePaths(context),
      reason: options.text('reason') ?? '',
      minutes: options.number('minutes') ?? null,
    });
    if (json) terminal.document({ claimed: claims.map(claimView) });
    else for (const { path, expiresAt } of claims) terminal.line(`${showName(path)} until ${expiresAt}`);
    return exitStatus.done;
  },
};

export const releaseCommand: CliCommand = {
  name: 'release',
  summary: 'Release paths that this agent has claimed',
  details: 'For programs that an agent runs, like maos claim.',
  arguments: [{ syntax: '[paths...]', description: 'paths as they were claimed (default: all)' }],
  options: [],
  examples: [{ line: 'maos release src/api', says: 'one of them' }],
  async run(context) {
    const { args, json, terminal } = context;
    const { project, caller } = await neededAgent(context, 'release');
    const released = await new PathClaims(project).release(
      caller,
      args.length === 0 ? null : absolutePaths(context),
    );
    if (json) terminal.document({ released });
    else if (released.length === 0) terminal.notice('No claim to release.');
    else for (const path of released) terminal.line(showName(path));
    return exitStatus.done;
  },
};

/** Arguments are relative to the current folder, not to the project's. An empty one is not that folder, and is refused. */
function absolutePaths({ args, cwd }: CommandContext): readonly string[] {
  return args.map((path) => (path === '' ? path : resolve(cwd, path)));
}

async function neededAgent(
  { runtime, env, projectPath }: CommandContext,
  command: string,
): Promise<CallingAgent> {
  const agent = await callingAgent(runtime(), env, projectPath);
  if (agent !== null) return agent;
  throw new MaosError(
    'FORBIDDEN',
    `'maos ${command}' is for programs that an agent runs: MAOS_AGENT_ID is not set here. 'maos status' shows what the agents of a session have claimed.`,
  );
}
