import { useEffect, useRef, useState } from 'preact/hooks';
import { get, type SessionEvent, sessionPath } from '../api.ts';
import { firstPage, type Step, type StepLog, type StepPage, withEarlier, withLater } from '../store/steps.ts';
import { listen } from '../store/stream.ts';
import { Throttle } from '../store/throttle.ts';
import { plain } from '../text/clean.ts';
import { Markdown } from '../text/markdown.tsx';
import { Terminal } from '../text/terminal.tsx';
import { Empty, Loading, Problem, Time } from './parts.tsx';

interface StepsProps {
  readonly id: string;
  readonly name: string;
  readonly agentId: string;
  readonly stream: 'stdout' | 'stderr';
  /** What it writes is looked for again while it runs. */
  readonly isRunning: boolean;
  /** Whether its output is that of a program rather than of a model, which writes Markdown. */
  readonly isProgram: boolean;
}

const pageSize = 100;
const lookMs = 1_500;

/** What an agent did, in order; the newest first seen, the earlier loaded on demand. Stays at the end while it is there. */
export function Steps(props: StepsProps) {
  const { id, name, agentId, stream, isRunning, isProgram } = props;
  const { log, error, loadEarlier, retry } = useSteps(props);
  const end = useRef<HTMLDivElement>(null);
  const isFollowing = useRef(true);
  const last = log?.steps.at(-1);
  useEffect(() => {
    const pane = end.current?.closest('.agent');
    if (!pane) return;
    const onScroll = (): void => {
      isFollowing.current = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 80;
    };
    pane.addEventListener('scroll', onScroll, { passive: true });
    return () => pane.removeEventListener('scroll', onScroll);
  }, [log === null]);
  useEffect(() => {
    const pane = end.current?.closest('.agent');
    if (pane && isFollowing.current && isRunning) pane.scrollTop = pane.scrollHeight;
  }, [last?.seq, last?.text.length]);
  if (log === null)
    return error === null ? <Loading what="steps" /> : <Problem text={error} onRetry={retry} />;
  const what = stream === 'stderr' ? 'on stderr' : '';
  return (
    <div class="steps" data-agent={`${id} ${agentId}`}>
      {log.previous !== null && (
        <button type="button" class="more" onClick={loadEarlier}>
          Earlier steps
        </button>
      )}
      {log.steps.length === 0 && (
        <Empty
          title={
            isRunning ? `${name} has written nothing ${what} yet` : `${name} has written nothing ${what}`
          }
        />
      )}
      <ol class="step-list">
        {log.steps.map((step) => (
          <li key={step.seq} class={`step step-${step.kind} ${step.is_error === true ? 'step-error' : ''}`}>
            <StepBody step={step} isProgram={isProgram} />
          </li>
        ))}
      </ol>
      {error !== null && <Problem text={error} onRetry={retry} />}
      {isRunning && (
        <p class="working muted" role="status">
          <span class="pulse" /> Running
        </p>
      )}
      <div ref={end} />
    </div>
  );
}

function useSteps({ id, name, agentId, stream, isRunning }: StepsProps) {
  const [log, setLog] = useState<StepLog | null>(null);
  const [error, setError] = useState<string | null>(null);
  const current = useRef<StepLog | null>(null);
  const path = sessionPath(id, 'agents', name, 'steps');
  const reading = useRef<Throttle | null>(null);
  const keep = (next: StepLog): void => {
    current.current = next;
    setLog(next);
    setError(null);
  };
  useEffect(() => {
    const ending = new AbortController();
    const read = async (): Promise<void> => {
      try {
        const known = current.current;
        const place = known === null ? { before: 'end' } : { cursor: known.next };
        const page = await get<StepPage>(path, { stream, limit: pageSize, ...place }, ending.signal);
        if (ending.signal.aborted) return;
        if (known === null) keep(firstPage(page));
        else if (page.steps.length > 0 || page.at_end !== known.isAtEnd) keep(withLater(known, page));
        if (!page.at_end) throttle.ask();
      } catch (failure) {
        if (!ending.signal.aborted) setError(failure instanceof Error ? failure.message : String(failure));
      }
    };
    const throttle = new Throttle(500, read);
    reading.current = throttle;
    throttle.ask();
    const isOwn = (event: SessionEvent): boolean => event.session_id === id && event.agent_id === agentId;
    const stop = listen({
      events: (batch) => {
        if (batch.some(isOwn)) throttle.ask();
      },
      snapshot: () => throttle.ask(),
    });
    return () => {
      ending.abort();
      throttle.stop();
      stop();
    };
  }, [path, stream]);
  useEffect(() => {
    if (!isRunning) {
      reading.current?.ask();
      return;
    }
    const timer = setInterval(() => {
      if (!document.hidden) reading.current?.ask();
    }, lookMs);
    return () => clearInterval(timer);
  }, [isRunning]);
  const loadEarlier = async (): Promise<void> => {
    const known = current.current;
    if (known === null || known.previous === null) return;
    try {
      const page = await get<StepPage>(path, { stream, limit: pageSize, before: known.previous });
      if (current.current !== null) keep(withEarlier(current.current, page));
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
    }
  };
  return { log, error, loadEarlier: () => void loadEarlier(), retry: () => reading.current?.ask() };
}

/** More of a tool's result than this is folded away. */
const folded = 600;

function StepBody({ step, isProgram }: { readonly step: Step; readonly isProgram: boolean }) {
  const { kind, title, text, tool, at, truncated } = step;
  const time = at == null ? null : <Time at={at} format="clock" />;
  const more = truncated === true && (
    <p class="muted small">There is more of this than is shown here; the log has all of it.</p>
  );
  switch (kind) {
    case 'attempt':
      return <h3 class="step-attempt">{title ?? 'Attempt'}</h3>;
    case 'tool':
      return (
        <div class="step-line">
          <span class="tool-name">{plain(tool ?? title ?? 'tool')}</span>
          <code dir="auto">{plain(text)}</code>
          {time}
          {more}
        </div>
      );
    case 'text':
      return (
        <>
          {isProgram ? <Terminal text={text} /> : <Markdown text={text} />}
          {more}
        </>
      );
    default: {
      const isLong = text.length > folded || text.split('\n').length > 8;
      const body =
        kind === 'result' && title !== undefined ? <Markdown text={text} /> : <Terminal text={text} />;
      return (
        <>
          {(title !== undefined || tool !== undefined) && (
            <p class="step-title">
              {plain([title, tool].filter((part) => part !== undefined).join(': '))} {time}
            </p>
          )}
          {isLong && kind !== 'stderr' && title === undefined ? (
            <details>
              <summary>{plain(text.slice(0, 160)).replaceAll(/\s+/g, ' ')}…</summary>
              {body}
            </details>
          ) : (
            body
          )}
          {more}
        </>
      );
    }
  }
}
