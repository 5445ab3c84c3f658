import type { Agent } from '../../domain/agent.ts';
import type { AgentOutcome, AgentReport } from '../../domain/settle-agent.ts';
import type { StopReport } from '../ports/agent-host.ts';
import type { RunEnd } from './agent-run.ts';

/** An agent that runs nothing any more, with what is left to record about it. */
export interface Ending {
  readonly agent: Agent;
  /** Whether somebody waits for its end. */
  readonly isHurried: boolean;
  /** How its last processes were ended; null: they ended by themselves. */
  readonly stopped: StopReport | null;
  /** When its provider accepts it again, if its refusal ended the agent. */
  readonly retryAt: string | null;
  report(stderrTail: string): AgentReport;
}

/** The end of an agent's program. */
export function endingOf({ run, end, stop }: RunEnd): Ending {
  return {
    agent: run.agent,
    isHurried: stop !== null,
    stopped: stop ?? (end.how === 'exited' ? (end.strays ?? null) : null),
    retryAt: run.retryAt,
    report: (stderrTail) => run.report(end, stop, stderrTail),
  };
}

/** The end of an agent whose program has ended before, and been reported. */
export function laterEnding(agent: Agent, outcome: AgentOutcome, last: RunEnd | null = null): Ending {
  const report: AgentReport = { outcome, usage: null, conversation: null };
  const { ranMs } = agent.proof ?? {};
  return {
    agent,
    isHurried: last !== null && last.stop !== null,
    stopped: last?.stop ?? null,
    retryAt: null,
    report: () => (ranMs === undefined ? report : { ...report, activeMs: ranMs }),
  };
}
