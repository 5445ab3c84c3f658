import { basename, join } from 'node:path';
import type { LaunchSpec, ProgramLookup } from '../../../application/ports/agent-host.ts';
import type { Backend, BackendProbe, LaunchContext, Verdict } from '../../../application/ports/backend.ts';
import type { FailureKind } from '../../../domain/agent.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { environmentOf } from '../../process/launch/environment.ts';
import { resolveProgram } from '../../process/launch/program.ts';
import { checkedModel } from '../shared/checked-model.ts';
import { type Environment, locateProgram } from '../shared/cli-program.ts';
import { adviseOn, explainRun } from '../shared/explain.ts';
import { filled, withPrompt } from './launch.ts';
import { CustomOutputParser } from './output.ts';
import type { CustomSettings } from './settings.ts';

/** A CLI that MAOS does not know, described by the user's settings. */
export function makeCustomBackend(deps: {
  readonly name: string;
  readonly config: CustomSettings;
  readonly env: Environment;
}): Backend {
  const { config, env } = deps;
  const name = `custom:${deps.name}`;
  const setting = `backends.custom.${deps.name}`;
  const [program = '', ...ownArguments] = config.command;
  const title = basename(program);
  const kindOf = makeKindOf(config);
  const needsResult = config.output === 'json' || config.result !== null;

  const locate = (findProgram: ProgramLookup): Promise<string> =>
    locateProgram(findProgram, {
      ...{ name, title, program },
      where: program.includes('/') ? `at ${quote(program)}` : 'on PATH',
      advice: `Install it, or correct ${setting}.command.`,
    });

  async function probe(): Promise<BackendProbe> {
    const known = { name, title, packageName: null, testedVersion: null };
    const found = { ...known, version: null, signedIn: 'unknown', remark: null } as const;
    try {
      const path = await locate(async (program) => resolveProgram(program, process.cwd(), env.PATH));
      return { ...found, available: true, path, problem: null };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      return { ...found, available: false, path: null, problem };
    }
  }

  async function prepare(context: LaunchContext): Promise<LaunchSpec> {
    const { agent, briefing, locations, resume, findProgram, inherits = env } = context;
    const model = checkedModel(agent.model ?? config.model);
    if (model !== null && config.modelArgs.length === 0) {
      throw new MaosError(
        'INVALID_INPUT',
        `The backend ${name} cannot be told the model ${quote(model)}: add modelArgs to ${setting}, or name no model.`,
      );
    }
    const words = [
      ...ownArguments,
      ...filled(config.roleArgs, 'role', briefing),
      ...(model === null ? [] : filled(config.modelArgs, 'model', model)),
      ...(resume === null ? [] : filled(config.resumeArgs, 'conversation', resume)),
    ];
    const promptFile = join(locations.workspace, '.prompt.md');
    return {
      ...withPrompt(await locate(findProgram), words, ownArguments.length, promptFile),
      env: { ...environmentOf(inherits, config.pass), ...config.env },
    };
  }

  const advise = (verdict: Verdict): string =>
    adviseOn(verdict, {
      auth_required: `Sign in with ${title} itself, or pass it its key (${setting}.pass).`,
    });

  return {
    name,
    capabilities: {
      output: config.output === 'json' ? 'structured' : 'lines',
      resumes: config.resumeArgs.length > 0,
      receives: false,
      asksPermission: false,
      takesCommand: false,
      servesMcp: false,
      showsTeamResults: false,
      countsTokens: config.inputTokens !== null || config.outputTokens !== null,
      countsCost: config.costUsd !== null,
      boundsSubagents: false,
    },
    live: null,
    promptEscape: escapeOf(config.escape),
    ...(config.roleArgs.length === 0 ? { briefingInPrompt: true as const } : {}),
    locate,
    probe,
    prepare,
    makeParser: () => new CustomOutputParser(config, kindOf),
    explain(end, run, stderrTail) {
      const hasEndedWell = end.how === 'exited' && end.exitCode === 0 && run.verdict === null;
      if (hasEndedWell && (run.result !== null || !needsResult)) {
        return { state: 'completed', result: run.result ?? '' };
      }
      const outcome = explainRun({ title, advise }, end, { ...run, answer: null }, stderrTail);
      if (outcome.state !== 'failed' || outcome.failure.kind !== 'exit_code') return outcome;
      const { failure } = outcome;
      const kind = kindOf(`${failure.message}\n${stderrTail}`);
      if (kind === null) return outcome;
      const message = advise({ ok: false, kind, message: failure.message, retryAt: null });
      return { ...outcome, failure: { ...failure, kind, message } };
    },
  };
}

/** Maps messages to failure kinds, by the patterns in the settings. */
function makeKindOf({ failureKinds }: CustomSettings): (words: string) => FailureKind | null {
  const known = Object.entries(failureKinds).map(
    ([kind, pattern]) => [kind as FailureKind, new RegExp(pattern, 'imu')] as const,
  );
  return (words) => known.find(([, pattern]) => pattern.test(words))?.[0] ?? null;
}

function escapeOf(replacements: CustomSettings['escape']): Backend['promptEscape'] {
  const pairs = Object.entries(replacements);
  if (pairs.length === 0) return null;
  const said = pairs.map(([text, instead]) => `\`${instead}\` means \`${text}\``).join(', ');
  return {
    apply: (text) => pairs.reduce((changed, [from, to]) => changed.split(from).join(to), text),
    legend: `In this part, ${said}.`,
  };
}
