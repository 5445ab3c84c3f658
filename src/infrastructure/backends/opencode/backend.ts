import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentEnd, LaunchSpec } from '../../../application/ports/agent-host.ts';
import type { Backend, LaunchContext, ParsedRun, Verdict } from '../../../application/ports/backend.ts';
import type { AgentOutcome } from '../../../domain/settle-agent.ts';
import { environmentOf } from '../../process/launch/environment.ts';
import { providerVariables } from '../../process/launch/provider-variables.ts';
import { checkedModel } from '../shared/checked-model.ts';
import { describeCli, type Environment } from '../shared/cli-program.ts';
import { exitFailure } from '../shared/exit-failure.ts';
import { adviseOn, explainRun } from '../shared/explain.ts';
import { configFor, dataFolder, instructionsVariable } from './config.ts';
import { OpencodeOutputParser } from './output.ts';
import type { OpencodeSettings } from './settings.ts';
import { withLog } from './verdicts.ts';

/** opencode supports every provider, with the key that it finds. */
const ownVariables = [...Object.values<readonly string[]>(providerVariables).flat(), 'OPENCODE_*'];
const signInAdvice = "Run 'opencode auth login', or set the key of a provider, then try again.";

/** opencode without a terminal: prompt on stdin, role as an instructions file, JSON lines on stdout. */
export function makeOpencodeBackend(deps: {
  readonly config: OpencodeSettings;
  readonly env: Environment;
}): Backend {
  const { config, env } = deps;

  const cli = describeCli({
    name: 'opencode',
    title: 'opencode',
    executable: 'opencode',
    packageName: 'opencode-ai',
    variable: 'MAOS_OPENCODE_PATH',
    testedVersion: '1.18.33',
    path: config.path,
    env,
    signIn: () => signInOf(env),
    signInAdvice,
  });

  async function prepare(context: LaunchContext): Promise<LaunchSpec> {
    const { agent, briefing, locations, resume, findProgram, inherits = env } = context;
    const model = checkedModel(agent.model ?? config.model);
    const args = [
      ...['run', '--format', 'json'],
      // For what its output does not say, such as why it waits.
      ...['--print-logs', '--log-level', 'ERROR'],
      // Otherwise it asks the model for a title.
      ...['--title', `MAOS: ${agent.name}`],
      // Otherwise it uses the variable PWD, which may name another folder.
      ...['--dir', locations.workingDirectory],
      ...(resume === null ? [] : ['--session', resume]),
      ...(model === null ? [] : ['--model', model]),
      ...(config.permissionMode === 'auto' ? ['--auto'] : []),
      ...config.extraArgs,
    ];
    const places = { folder: locations.workingDirectory, session: locations.session };
    return {
      program: await cli.locate(findProgram),
      args,
      env: {
        ...environmentOf(inherits, ownVariables),
        OPENCODE_CONFIG_CONTENT: configFor(inherits, places, context.teamServer ?? null),
      },
      files: { [instructionsVariable]: briefing },
      stdin: 'prompt',
    };
  }

  return {
    name: 'opencode',
    capabilities: {
      output: 'structured',
      resumes: true,
      receives: false,
      asksPermission: false,
      takesCommand: false,
      servesMcp: true,
      showsTeamResults: true,
      countsTokens: true,
      countsCost: true,
      boundsSubagents: false,
    },
    live: null,
    // `opencode run` passes the prompt to the model unchanged; only its terminal interface interprets `@path` and
    // `/command`.
    promptEscape: null,
    // It wakes up constantly, using about a hundredth of a processor.
    idleCpuShare: 0.03,
    locate: cli.locate,
    probe: cli.probe,
    prepare,
    goneConversation: (stderrTail) => (stderrTail.includes('Session not found') ? 'Session not found' : null),
    explain,
    makeParser: () => new OpencodeOutputParser(),
  };
}

/** The last message is the answer only if the process then exits successfully. */
function explain(end: AgentEnd, run: ParsedRun, stderrTail: string): AgentOutcome {
  const { answer } = run;
  const hasEndedWell = end.how === 'exited' && end.exitCode === 0;
  if (answer !== null && !hasEndedWell) {
    const { message, ...failure } = exitFailure('opencode', end, stderrTail);
    const said = `${message} It had given an answer before.`;
    return { state: 'failed', failure: { ...failure, message: said }, result: answer.text };
  }
  return explainRun({ title: 'opencode', advise }, end, withLog(run, end, stderrTail), stderrTail);
}

function advise(verdict: Verdict): string {
  return adviseOn(verdict, { auth_required: signInAdvice });
}

/** Checks for credentials where opencode stores them; its own free models need none. */
function signInOf(env: Environment): 'yes' | 'no' | 'unknown' {
  const isSet = Object.keys(environmentOf(env, ownVariables)).some((name) => /KEY|TOKEN|AUTH/.test(name));
  if (isSet) return 'yes';
  const folder = dataFolder(env);
  return folder !== null && existsSync(join(folder, 'auth.json')) ? 'yes' : 'unknown';
}
