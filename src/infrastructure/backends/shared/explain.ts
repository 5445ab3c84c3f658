import { stripVTControlCharacters } from 'node:util';
import type { AgentEnd } from '../../../application/ports/agent-host.ts';
import type { Answer, ParsedRun, Verdict } from '../../../application/ports/backend.ts';
import type { AgentFailure } from '../../../domain/agent.ts';
import type { AgentOutcome } from '../../../domain/settle-agent.ts';
import { exitFailure } from './exit-failure.ts';

/** How to refer to a CLI when explaining the end of its run. */
interface ExplainedCli {
  /** Such as 'Claude Code'. */
  readonly title: string;
  /** The message of a failure that the CLI reported, with advice; see {@link adviseOn}. */
  advise(verdict: Verdict): string;
}

/** Success requires a result without an error; exit status 0 is not enough. */
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
    const message = withoutResult(cli.title, end, stderrTail === '' ? null : lastLine(stderrTail));
    return { state: 'failed', failure: { ...failure, message }, result: null };
  }
  const kind = verdict.kind ?? 'exit_code';
  const failure = { kind, message: cli.advise(verdict), stderrTail };
  return { state: 'failed', failure, result: run.result };
}

/** @param said what its stderr says about it */
export function withoutResult(title: string, end: AgentEnd, said: string | null): string {
  const status = end.how === 'exited' ? ` (status ${end.exitCode})` : '';
  return `${title} exited without a result${status}${said === null ? '.' : `: ${said}`}`;
}

/**
 * The CLI's failure message, followed by advice.
 * @param advice for kinds where the CLI needs its own; full sentences
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

/**
 * An answer given while work continues in the background is final only if that work was completed and the process
 * exited by itself.
 */
function explainAnswer({ text, background }: Answer, end: AgentEnd, failure: AgentFailure): AgentOutcome {
  const hasEndedWell = end.how === 'exited' && end.exitCode === 0;
  if (hasEndedWell && background.length === 0) return { state: 'completed', result: text };
  const what = background.length === 0 ? '' : ` (${background.join(', ')})`;
  const message = `${failure.message} Its background work${what} did not finish, or did not report back.`;
  return { state: 'failed', failure: { ...failure, message }, result: null };
}

/** The last line of text for people, without colours. */
export function lastLine(text: string): string {
  return stripVTControlCharacters(text).trimEnd().split('\n').at(-1) ?? '';
}
