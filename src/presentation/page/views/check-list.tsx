import { useState } from 'preact/hooks';
import { type Agent, type Evidence, get, sessionPath } from '../api.ts';
import { plain } from '../text/clean.ts';
import { Terminal } from '../text/terminal.tsx';
import { Elapsed, Empty, Problem, Time } from './parts.tsx';

type Check = Evidence['agents'][number]['checks'][number];

interface CheckListProps {
  readonly id: string;
  readonly agent: Agent;
  readonly checks: readonly Check[];
}

/** Every command that checked the agent's work, with its output on demand. */
export function CheckList({ id, agent, checks }: CheckListProps) {
  if (checks.length === 0)
    return (
      <Empty title="Nothing has been checked">
        <p>
          {agent.verify === undefined
            ? 'The plan names no command to check its work.'
            : 'Its work is not finished yet.'}
        </p>
      </Empty>
    );
  return (
    <ol class="check-list">
      {checks.map((check) => (
        <li key={`${check.check} ${check.round}`} class="card">
          <OneCheck id={id} name={agent.name} check={check} />
        </li>
      ))}
    </ol>
  );
}

function OneCheck({
  id,
  name,
  check,
}: {
  readonly id: string;
  readonly name: string;
  readonly check: Check;
}) {
  const [output, setOutput] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const open = (): void => {
    if (output !== null) return;
    get<{ text: string }>(sessionPath(id, 'agents', name, 'checks', String(check.check), 'output')).then(
      ({ text }) => setOutput(text),
      (failure: Error) => setError(failure.message),
    );
  };
  const tone = check.passed === null ? 'running' : check.passed ? 'completed' : 'failed';
  const word = check.passed === null ? 'running' : check.passed ? 'passed' : 'failed';
  return (
    <>
      <p class="facts">
        <span class={`state tone-${tone}`}>{word}</span>
        <code>{plain(check.command)}</code>
      </p>
      <p class="facts small">
        <Time at={check.started_at} />
        {'ended_at' in check && <Elapsed from={check.started_at} to={check.ended_at} />}
        {check.round > 0 && <span>fix round {check.round}</span>}
        {check.commit !== null && <code>{check.commit.slice(0, 12)}</code>}
        {'exit_code' in check && check.exit_code !== null && <span>exit status {check.exit_code}</span>}
        {'signal' in check && check.signal !== null && <span>{check.signal}</span>}
        {'reason' in check && check.reason !== null && <span>{plain(String(check.reason))}</span>}
      </p>
      <details onToggle={open}>
        <summary>Output</summary>
        {error !== null && <Problem text={error} />}
        {output !== null &&
          (output === '' ? <p class="muted">It printed nothing.</p> : <Terminal text={output} />)}
      </details>
    </>
  );
}
