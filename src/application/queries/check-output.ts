import type { Agent } from '../../domain/agent.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import type { OutputPage, OutputStream } from '../ports/agent-disk.ts';
import type { Project } from '../project.ts';

/** Whether this check may still print. */
export function isCheckRunning({ state, stage, proof }: Agent, check: number): boolean {
  return state === 'running' && stage === 'verifying' && proof?.checks === check;
}

/**
 * A page of everything that a check printed: stdout, then stderr; stdout alone while the check runs, so that positions
 * stay the same.
 */
export async function readWholeCheck(
  { host }: Pick<Project, 'host'>,
  agent: Agent,
  check: number,
  from: number,
  maxBytes: number,
): Promise<OutputPage> {
  const read = (stream: OutputStream, at: number, most: number) =>
    host.readOutput(agent, stream, at, most, check);
  if (isCheckRunning(agent, check)) return read('stdout', from, maxBytes);
  const [out, err] = await Promise.all([read('stdout', 0, 0), read('stderr', 0, 0)]);
  const size = out.size + err.size;
  const start = from < 0 ? Math.max(0, size + from) : Math.min(from, size);
  const first = await read('stdout', start, Math.max(0, Math.min(maxBytes, out.size - start)));
  const second = await read('stderr', Math.max(0, start - out.size), maxBytes - first.bytes.length);
  const bytes = new Uint8Array(first.bytes.length + second.bytes.length);
  bytes.set(first.bytes);
  bytes.set(second.bytes, first.bytes.length);
  return { bytes, start, size };
}

/**
 * The number of a check of the agent's work.
 * @param asked `last` or a number from 1
 * @throws MaosError INVALID_INPUT when the agent has no such check
 */
export function checkNumberOf({ name, proof, verify }: Agent, asked: string): number {
  const checks = proof?.checks ?? 0;
  const check = asked === 'last' ? checks : /^[0-9]{1,9}$/.test(asked) ? Number(asked) : Number.NaN;
  if (check >= 1 && check <= checks) return check;
  const has =
    checks === 0
      ? verify === null
        ? 'its plan has no checks'
        : 'none has started yet'
      : `its checks are 1 to ${checks}`;
  throw new MaosError('INVALID_INPUT', `Agent '${name}' has no check ${quote(asked)}: ${has}.`, {
    details: { problem: 'not_found', name, check: asked },
  });
}
