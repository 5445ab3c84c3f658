import type { AgentEnd } from '../../../application/ports/agent-host.ts';
import type { AgentFailure } from '../../../domain/agent.ts';

/**
 * The failure of a run for which only the end of its process is known.
 * @param program its name for people: 'claude', 'The command'
 */
export function exitFailure(program: string, end: AgentEnd, stderrTail: string): AgentFailure {
  if (end.how !== 'exited') {
    const message = `${program} ended without a record of its exit. Check its log, then retry.`;
    return { kind: 'lost', message, stderrTail };
  }
  if (end.signal !== null) {
    const hint = end.signal === 'SIGKILL' ? ' (by hand, or by the system for lack of memory)' : '';
    return { kind: 'signal', message: `${program} was killed by ${end.signal}${hint}.`, stderrTail };
  }
  return { kind: 'exit_code', message: `${program} exited with status ${end.exitCode}.`, stderrTail };
}
