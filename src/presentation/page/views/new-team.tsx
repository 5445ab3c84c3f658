import { useRef, useState } from 'preact/hooks';
import { ApiError, type Choices, get, post } from '../api.ts';
import { sessionHref } from '../route.ts';
import { useResource } from '../store/resource.ts';
import { overview, refreshSession } from '../store/store.ts';
import { emptyTeam, planOf, type TeamForm } from '../store/team-form.ts';
import { plain } from '../text/clean.ts';
import { Problem } from './parts.tsx';
import { PlanPreview, type PlanView } from './plan-preview.tsx';
import { TeamFields } from './team-fields.tsx';

/** Kept while other views are looked at. */
let [keptTeam, keptText]: [TeamForm, string] = [emptyTeam, ''];

/** Starts a team, from a form or from a plan in a file. What would happen is shown first. */
export function NewTeam() {
  const [way, setWay] = useState<'form' | 'file'>(keptText === '' ? 'form' : 'file');
  const [project, setProject] = useState('');
  const [team, setTeam] = useState(keptTeam);
  const [text, setText] = useState(keptText);
  const [preview, setPreview] = useState<PlanView | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState<'check' | 'start' | null>(null);
  const result = useRef<HTMLDivElement>(null);
  const choices = useChoices(project);
  const change = (): void => {
    setPreview(null);
    setError(null);
  };
  const source = way === 'form' ? { plan: planOf(team) } : { text };
  const send = async (isDry: boolean): Promise<void> => {
    setBusy(isDry ? 'check' : 'start');
    setError(null);
    try {
      const body = { ...(project === '' ? {} : { project }), ...source, ...(isDry ? { dry_run: true } : {}) };
      const answer = await post<PlanView & { session_id?: string }>('/api/sessions', body);
      if (isDry || answer.session_id === undefined) setPreview(answer);
      else {
        [keptTeam, keptText] = [emptyTeam, ''];
        refreshSession();
        location.hash = sessionHref(answer.session_id);
        return;
      }
    } catch (failure) {
      setPreview(null);
      setError(failure instanceof ApiError ? failure : new ApiError(0, String(failure)));
    }
    setBusy(null);
    result.current?.focus();
  };
  const projects = overview.value?.projects.filter(({ problem }) => problem === undefined) ?? [];
  return (
    <section class="page new-team" aria-label="New team">
      <h1>New team</h1>
      <div class="ways" role="group" aria-label="How to describe the team">
        <button type="button" aria-pressed={way === 'form'} onClick={() => [setWay('form'), change()]}>
          Form
        </button>
        <button type="button" aria-pressed={way === 'file'} onClick={() => [setWay('file'), change()]}>
          Plan file
        </button>
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send(true);
        }}
      >
        {projects.length > 1 && (
          <label class="field">
            Project
            <select value={project} onChange={(event) => [setProject(event.currentTarget.value), change()]}>
              {projects.map(({ path, label }) => (
                <option value={path === overview.value?.project ? '' : path} title={plain(path)}>
                  {plain(label)}
                </option>
              ))}
            </select>
          </label>
        )}
        {way === 'form' ? (
          <TeamFields
            team={team}
            choices={choices}
            setTeam={(next) => {
              keptTeam = next;
              setTeam(next);
              change();
            }}
          />
        ) : (
          <PlanText
            text={text}
            setText={(next) => {
              keptText = next;
              setText(next);
              change();
            }}
          />
        )}
        <p class="actions form-actions">
          <button type="submit" disabled={busy !== null}>
            {busy === 'check' ? 'Checking…' : 'Show what will happen'}
          </button>
          <button
            type="button"
            class="primary"
            disabled={busy !== null || preview === null}
            title={preview === null ? 'First look at what will happen' : undefined}
            onClick={() => void send(false)}
          >
            {busy === 'start' ? 'Starting…' : 'Start the team'}
          </button>
        </p>
      </form>
      <div ref={result} tabIndex={-1} class="result">
        {error !== null && <Refusal error={error} />}
        {preview !== null && <PlanPreview plan={preview} />}
      </div>
    </section>
  );
}

/** Every fault of a plan, with a button that goes to its place in the text. */
function Refusal({ error }: { readonly error: ApiError }) {
  if (error.faults.length === 0) return <Problem text={error.message} />;
  return (
    <div class="problem" role="alert">
      <ul>
        {error.faults.map(({ message, line, column }) => (
          <li>
            <button type="button" class="quiet" onClick={() => goTo(line, column)}>
              Line {line}, column {column}
            </button>{' '}
            {message}
          </li>
        ))}
      </ul>
    </div>
  );
}

function goTo(line: number, column: number): void {
  const area = document.getElementById('plan-text');
  if (!(area instanceof HTMLTextAreaElement)) return;
  const lines = area.value.split('\n');
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const end = start + (lines[line - 1]?.length ?? 0);
  area.focus();
  area.setSelectionRange(Math.min(start + column - 1, end), end);
}

function useChoices(project: string): Choices {
  const loaded = useResource(`choices ${project}`, async (signal) => {
    const [{ roles }, { backends }] = await Promise.all([
      get<Pick<Choices, 'roles'>>('/api/roles', { project }, signal),
      get<Pick<Choices, 'backends'>>('/api/backends', { project }, signal),
    ]);
    return { roles, backends };
  });
  return loaded.value ?? { roles: [], backends: [] };
}

function PlanText({ text, setText }: { readonly text: string; readonly setText: (text: string) => void }) {
  const [isOver, setOver] = useState(false);
  const take = (file: File | undefined): void => {
    file?.text().then(setText, () => setText(''));
  };
  return (
    <div class="field">
      <label for="plan-text">The plan, as JSON or YAML</label>
      <textarea
        id="plan-text"
        class={`plan-text ${isOver ? 'drop' : ''}`}
        rows={18}
        spellcheck={false}
        placeholder={'Paste a plan, or drop a file here'}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          take(event.dataTransfer?.files[0]);
        }}
      />
      <label class="file-button">
        Choose a file
        <input
          type="file"
          accept=".json,.jsonc,.yaml,.yml"
          onChange={(event) => take(event.currentTarget.files?.[0])}
        />
      </label>
    </div>
  );
}
