import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Agent, post, type Status, sessionPath } from '../api.ts';
import { sessionHref } from '../route.ts';
import { detail, refreshSession } from '../store/store.ts';
import { plain } from '../text/clean.ts';
import { Loading, Problem } from './parts.tsx';

type Action = 'pause' | 'resume' | 'cancel' | 'retry' | 'land';

interface Asked {
  readonly action: Action;
  readonly title: string;
  readonly id: string;
  /** The agent's name; null: the whole session. */
  readonly agent: string | null;
}

const asked = signal<Asked | null>(null);

export function askAction(question: Asked): void {
  asked.value = question;
}

export function canLand({ state, agents, landing, landed_by }: Status): boolean {
  const isEnded = state === 'completed' || state === 'failed';
  const isLanded = landed_by?.state === 'completed';
  return isEnded && landing === undefined && !isLanded && agents.some((agent) => agent.work !== undefined);
}

/** What can be done with a session now. */
export function actionsOf(status: Status): readonly { readonly action: Action; readonly title: string }[] {
  switch (status.state) {
    case 'running':
      return [
        { action: 'pause', title: 'Pause…' },
        { action: 'cancel', title: 'Cancel…' },
      ];
    case 'paused':
      return [
        { action: 'resume', title: 'Resume…' },
        { action: 'cancel', title: 'Cancel…' },
      ];
    case 'created':
      return [{ action: 'cancel', title: 'Cancel…' }];
    default:
      return [
        ...(status.state === 'failed' ? [{ action: 'retry' as const, title: 'Retry…' }] : []),
        ...(canLand(status) ? [{ action: 'land' as const, title: 'Land…' }] : []),
      ];
  }
}

export function actionsOfAgent(
  { state }: Agent,
  session: Status,
): readonly { readonly action: Action; readonly title: string }[] {
  if (session.state === 'failed' && (state === 'failed' || state === 'cancelled'))
    return [{ action: 'retry', title: 'Retry agent…' }];
  const isOpen = state === 'running' || state === 'pending' || state === 'resumable';
  return isOpen && ['running', 'paused'].includes(session.state)
    ? [{ action: 'cancel', title: 'Cancel agent…' }]
    : [];
}

/** Says what an action will do, before it is done. */
export function ActionDialog() {
  const question = asked.value;
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (question !== null) dialog.current?.showModal();
  }, [question]);
  if (question === null) return null;
  const close = (): void => {
    dialog.current?.close();
    asked.value = null;
  };
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onClose={close}>
      <Question key={JSON.stringify(question)} question={question} close={close} />
    </dialog>
  );
}

interface Branch {
  readonly agent: string;
  readonly state: string;
  readonly reason?: string;
  readonly paths?: readonly string[];
}

interface Preview {
  readonly title?: string;
  readonly will: readonly string[];
}

function Question({ question, close }: { readonly question: Asked; readonly close: () => void }) {
  const { action, title, id, agent } = question;
  const [preview, setPreview] = useState<Preview | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [limits, setLimits] = useState<Readonly<Record<string, number>>>({});
  const given = agent === null ? {} : { agent };
  useEffect(() => {
    previewOf(question).then(setPreview, (failure: Error) => setError(failure.message));
  }, []);
  const perform = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      if (action === 'land') {
        const { landing_session_id } = await post<{ landing_session_id: string | null }>(
          sessionPath(id, 'land'),
          {},
        );
        if (landing_session_id !== null) location.hash = sessionHref(landing_session_id);
      } else await post(sessionPath(id, 'control'), { action, ...given, ...limits });
      refreshSession();
      close();
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
      setBusy(false);
    }
  };
  const what = title.replace('…', '').toLowerCase();
  return (
    <>
      <h2 id="dialog-title">
        {preview?.title ??
          (agent === null ? `${capital(what)} this session?` : `${capital(what)}: ${agent}?`)}
      </h2>
      {preview === null && error === null && <Loading what="what will happen" />}
      {preview?.will.map((sentence) => (
        <p dir="auto">{plain(sentence)}</p>
      ))}
      {preview !== null && agent === null && action === 'retry' && (
        <Limits limits={limits} setLimits={setLimits} />
      )}
      {error !== null && <Problem text={error} />}
      <p class="dialog-actions">
        <button type="button" onClick={close}>
          {error === null ? 'Leave it' : 'Close'}
        </button>
        <button
          type="button"
          class={action === 'cancel' ? 'danger primary' : 'primary'}
          disabled={preview === null || isBusy}
          onClick={() => void perform()}
        >
          {isBusy ? 'Asking MAOS…' : capital(what)}
        </button>
      </p>
    </>
  );
}

async function previewOf({ action, id, agent }: Asked): Promise<Preview> {
  if (action !== 'land')
    return post<Preview>(sessionPath(id, 'control'), {
      action,
      ...(agent === null ? {} : { agent }),
      dry_run: true,
    });
  const { will, branches } = await post<{
    readonly will?: readonly string[];
    readonly branches: readonly Branch[];
  }>(sessionPath(id, 'land'), { dry_run: true });
  const each = branches.map(({ agent: name, state, reason, paths }) => {
    const where = paths === undefined || paths.length === 0 ? '' : ` in ${paths.slice(0, 5).join(', ')}`;
    return `${name}: ${state.replaceAll('_', ' ')}${where}${reason === undefined ? '' : ` (${reason})`}`;
  });
  return { will: [...(will ?? []), ...each] };
}

const limitFields: Readonly<Record<string, readonly [field: string, label: string]>> = {
  tokens: ['max_tokens', 'Limit of tokens'],
  cost_usd: ['max_cost_usd', 'Limit in US dollars'],
  turns: ['max_turns', 'Limit of turns'],
  wall_ms: ['max_minutes', 'Limit in minutes'],
};

/** A session that has used up its budget needs another to go on. */
function Limits({
  limits,
  setLimits,
}: {
  readonly limits: Readonly<Record<string, number>>;
  readonly setLimits: (limits: Readonly<Record<string, number>>) => void;
}) {
  const items = Object.entries(detail.value.value?.budget ?? {});
  if (items.length === 0) return null;
  return (
    <fieldset class="limits">
      <legend>Budget, if it is to change</legend>
      {items.map(([item, share]) => {
        const [field, label] = limitFields[item] ?? [item, item];
        const cap = item === 'wall_ms' ? share.cap / 60_000 : share.cap;
        return (
          <label>
            {label}
            <input
              type="number"
              min="0"
              step="any"
              placeholder={String(cap)}
              onInput={({ currentTarget: { value } }) => {
                const { [field]: _, ...others } = limits;
                setLimits(value === '' ? others : { ...others, [field]: Number(value) });
              }}
            />
          </label>
        );
      })}
    </fieldset>
  );
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
