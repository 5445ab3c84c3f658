import { stripVTControlCharacters } from 'node:util';
import type { AgentEnd } from '../../../application/ports/agent-host.ts';
import type { Answer, ParsedRun, Verdict } from '../../../application/ports/backend.ts';
import type { AgentFailure } from '../../../domain/agent.ts';
import type { AgentOutcome } from '../../../domain/settle-agent.ts';
import { exitFailure } from './exit-failure.ts';

/** How a CLI is spoken of where the end of its run is explained. */
interface ExplainedCli {
  /** 'Claude Code' */
  readonly title: string;
  /** The message of a failure that its CLI told, with what to do about it; see {@link adviseOn}. */
  advise(verdict: Verdict): string;
}

/** Only a result without error is success: exit status 0 says nothing. */
export function explainRun(
  cli: ExplainedCli,
  end: AgentEnd,
  run: ParsedRun,
  stderrTail: string,
): AgentOutcome {
  const { verdict, answer } = run;
  if (verdict?.ok === true) return { state: 'completed', result: run.result ?? '' };
  if (verdict === null) {
    const failure = exitFailure(cli.title, end, stderrTail);
    if (answer !== null) return explainAnswer(answer, end, failure);
    if (failure.kind !== 'exit_code') return { state: 'failed', failure, result: null };
    const message = `${failure.message} It gave no result${stderrTail === '' ? '' : `: ${lastLine(stderrTail)}`}`;
    return { state: 'failed', failure: { ...failure, message }, result: null };
  }
  const kind = verdict.kind ?? 'exit_code';
  const failure = { kind, message: cli.advise(verdict), stderrTail };
  return { state: 'failed', failure, result: run.result };
}

/**
 * What a CLI said of its failure, and what to do next.
 * @param advice per kind, where the CLI has a way of its own; a full sentence
 */
export function adviseOn(
  { kind, message, retryAt }: Verdict,
  advice: Partial<Record<AgentFailure['kind'], string>> & { readonly auth_required: string },
): string {
  const said = message.replace(/\.$/, '');
  if (kind === 'rate_limited') {
    return retryAt === null
      ? `${said} (rate limited; try again later)`
      : `${said} (rate limited until ${retryAt})`;
  }
  const next = kind === null ? undefined : { ...usualAdvice, ...advice }[kind];
  return next === undefined ? message : `${said}. ${next}`;
}

const usualAdvice: Partial<Record<AgentFailure['kind'], string>> = {
  model_unavailable: 'Name a model that this account can use, or none to get the default.',
  context_exceeded: 'Give the agent a smaller task, or split it over several agents.',
  refused: 'Rephrase the task, or use another model.',
};

/** An answer given with work in the background is the last word only if that was done, and it ended of its own accord. */
function explainAnswer({ text, background }: Answer, end: AgentEnd, failure: AgentFailure): AgentOutcome {
  const hasEndedWell = end.how === 'exited' && end.exitCode === 0;
  if (hasEndedWell && background.length === 0) return { state: 'completed', result: text };
  const what = background.length === 0 ? '' : ` (${background.join(', ')})`;
  const message = `${failure.message} Its background work${what} did not finish, or did not report back.`;
  return { state: 'failed', failure: { ...failure, message }, result: null };
}

/** Of what was printed for people, without colours. */
export function lastLine(text: string): string {
  return stripVTControlCharacters(text).trimEnd().split('\n').at(-1) ?? '';
}
