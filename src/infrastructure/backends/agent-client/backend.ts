import type { LaunchSpec, ProgramLookup } from '../../../application/ports/agent-host.ts';
import type {
  Backend,
  BackendProbe,
  LaunchContext,
  ParsedRun,
  Verdict,
} from '../../../application/ports/backend.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { environmentOf } from '../../process/launch/environment.ts';
import { resolveProgram } from '../../process/launch/program.ts';
import { checkedModel } from '../shared/checked-model.ts';
import type { Environment } from '../shared/cli-program.ts';
import { adviseOn, explainRun } from '../shared/explain.ts';
import { mentionEscape } from '../shared/mention-escape.ts';
import { bridgeArguments } from './bridge-options.ts';
import { liveInput } from './live-input.ts';
import { AgentClientParser } from './output.ts';
import type { AgentClientSettings } from './settings.ts';

/** How to start this maos as the bridge. */
export interface BridgeCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** Any program that speaks the Agent Client Protocol, by its name in the user's settings. */
export function makeAgentClientBackend(deps: {
  readonly name: string;
  readonly config: AgentClientSettings;
  readonly env: Environment;
  readonly bridge: BridgeCommand;
}): Backend {
  const { config, env, bridge } = deps;
  const name = `agent-client:${deps.name}`;
  const setting = `backends.agentClient.${deps.name}`;

  async function locate(findProgram: ProgramLookup): Promise<string> {
    try {
      return await findProgram(config.command);
    } catch (cause) {
      const why = cause instanceof MaosError ? cause.message : String(cause);
      throw new MaosError('BACKEND_UNAVAILABLE', `${why} It is ${setting}.command of your settings.`, {
        cause,
        details: { backend: name, path: config.command },
      });
    }
  }

  async function probe(): Promise<BackendProbe> {
    const known = { name, title: config.command, packageName: null, testedVersion: null };
    const found = { ...known, path: null, version: null, signedIn: 'unknown', remark: null } as const;
    try {
      const path = await locate(async (program) => resolveProgram(program, process.cwd(), env.PATH));
      return { ...found, available: true, path, problem: null };
    } catch (error) {
      return { ...found, available: false, problem: error instanceof Error ? error.message : String(error) };
    }
  }

  async function prepare(context: LaunchContext): Promise<LaunchSpec> {
    const { agent, briefing, locations, resume, findProgram, inherits = env } = context;
    const { mode, authMethod, permissionMode, startSeconds, silenceSeconds } = config;
    const model = checkedModel(agent.model ?? config.model);
    const args = bridgeArguments({
      name: deps.name,
      program: await locate(findProgram),
      args: config.args,
      briefing,
      folders: [locations.session],
      teamServer: context.teamServer ?? null,
      resume,
      ...{ model, mode, authMethod, permissionMode },
      startMs: Math.round(startSeconds * 1_000),
      silenceMs: Math.round(silenceSeconds * 1_000),
    });
    return {
      program: bridge.program,
      args: [...bridge.args, ...args],
      env: { ...environmentOf(inherits, config.pass), ...config.env },
      stdin: 'stream',
    };
  }

  function advise(verdict: Verdict): string {
    return adviseOn(verdict, {
      auth_required: `Sign in with the program itself, or pass it its key (${setting}.pass), then try again.`,
    });
  }

  return {
    name,
    capabilities: {
      output: 'structured',
      resumes: true,
      receives: true,
      asksPermission: true,
      takesCommand: false,
      servesMcp: true,
      showsTeamResults: false,
      countsTokens: true,
      countsCost: true,
      boundsSubagents: false,
    },
    live: liveInput,
    // Some of these programs are, or are based on, CLIs with this syntax.
    promptEscape: mentionEscape,
    locate,
    probe,
    prepare,
    explain: (end, run, stderrTail) =>
      explainRun({ title: quote(deps.name), advise }, end, withReason(run, stderrTail), stderrTail),
    makeParser: () => new AgentClientParser(),
  };
}

/** Some programs retry silently, and report their provider's refusal only on stderr. */
function withReason(run: ParsedRun, stderrTail: string): ParsedRun {
  const { verdict } = run;
  const isRefused = verdict?.kind === 'stalled' && /\b429\b|rate.?limit|too many requests/i.test(stderrTail);
  return isRefused ? { ...run, verdict: { ...verdict, kind: 'rate_limited' } } : run;
}
