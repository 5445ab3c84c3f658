import type { ComponentChildren } from 'preact';
import type { Choices } from '../api.ts';
import { type AgentForm, newAgent, type TeamForm } from '../store/team-form.ts';

interface TeamFieldsProps {
  readonly team: TeamForm;
  readonly choices: Choices;
  readonly setTeam: (team: TeamForm) => void;
}

type Typed = Event & { readonly currentTarget: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement };

export function TeamFields({ team, choices, setTeam }: TeamFieldsProps) {
  const set = (field: keyof TeamForm) => (event: Typed) =>
    setTeam({ ...team, [field]: event.currentTarget.value });
  const setAgent = (agent: AgentForm) =>
    setTeam({ ...team, agents: team.agents.map((one) => (one.key === agent.key ? agent : one)) });
  const add = (): void => {
    const key = 1 + Math.max(0, ...team.agents.map((agent) => agent.key));
    setTeam({ ...team, agents: [...team.agents, newAgent(key)] });
  };
  return (
    <>
      <Field label="Objective">
        <textarea
          rows={2}
          required
          placeholder="What the whole team is to achieve"
          value={team.objective}
          onInput={set('objective')}
        />
      </Field>
      <fieldset class="agents-form">
        <legend>Agents</legend>
        {team.agents.map((agent, index) => (
          <AgentFields
            key={agent.key}
            {...{ agent, index, choices, setAgent }}
            remove={
              team.agents.length === 1
                ? null
                : () => setTeam({ ...team, agents: team.agents.filter((one) => one !== agent) })
            }
          />
        ))}
        <button type="button" onClick={add}>
          Add an agent
        </button>
      </fieldset>
      <details class="more-fields">
        <summary>Order, limits and checks</summary>
        <div class="fields">
          <Field label="Order">
            <select value={team.strategy} onChange={set('strategy')}>
              <option value="parallel">all at once, but for dependencies</option>
              <option value="sequential">one after the other</option>
            </select>
          </Field>
          <Field label="Agents at once">
            <input type="number" min="1" value={team.maxConcurrency} onInput={set('maxConcurrency')} />
          </Field>
          <Field label="Tokens at most">
            <input type="number" min="1" value={team.maxTokens} onInput={set('maxTokens')} />
          </Field>
          <Field label="US dollars at most">
            <input type="number" min="0" step="any" value={team.maxCostUsd} onInput={set('maxCostUsd')} />
          </Field>
          <Field label="Minutes at most">
            <input type="number" min="0" step="any" value={team.maxMinutes} onInput={set('maxMinutes')} />
          </Field>
          <Field label="Check of all work (a shell line)">
            <input type="text" value={team.verify} onInput={set('verify')} />
          </Field>
        </div>
      </details>
    </>
  );
}

function Field({ label, children }: { readonly label: string; readonly children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child
    <label class="field">
      {label}
      {children}
    </label>
  );
}

interface AgentFieldsProps {
  readonly agent: AgentForm;
  readonly index: number;
  readonly choices: Choices;
  readonly setAgent: (agent: AgentForm) => void;
  readonly remove: (() => void) | null;
}

function AgentFields({ agent, index, choices, setAgent, remove }: AgentFieldsProps) {
  const set = (field: keyof AgentForm) => (event: Typed) =>
    setAgent({ ...agent, [field]: event.currentTarget.value });
  const setRole = ({ currentTarget: { value } }: Typed): void =>
    setAgent({ ...agent, role: value, backend: value === 'command' ? 'command' : agent.backend });
  const role = choices.roles.find(({ name }) => name === agent.role);
  return (
    <fieldset class="card agent-form">
      <legend>{agent.name || `Agent ${index + 1}`}</legend>
      <div class="fields">
        <Field label="Role">
          <select required value={agent.role} onChange={setRole}>
            <option value="">Choose…</option>
            <option value="command">A program</option>
            {choices.roles.map(({ name, title }) => (
              <option value={name}>{title ?? name}</option>
            ))}
          </select>
        </Field>
        <Field label="Name">
          <input type="text" placeholder={agent.role} value={agent.name} onInput={set('name')} />
        </Field>
        <Field label="After (names)">
          <input type="text" value={agent.after} onInput={set('after')} />
        </Field>
        <Field label="Backend">
          <select value={agent.backend} onChange={set('backend')}>
            <option value="">usual</option>
            {choices.backends.map(({ name }) => (
              <option value={name}>{name}</option>
            ))}
          </select>
        </Field>
        <Field label="Model">
          <input type="text" placeholder="usual" value={agent.model} onInput={set('model')} />
        </Field>
        <Field label="Works in">
          <select value={agent.workspace} onChange={set('workspace')}>
            <option value="">the usual place</option>
            <option value="project">the project's folder</option>
            <option value="worktree">a git worktree of its own</option>
            <option value="own">a folder of its own</option>
          </select>
        </Field>
      </div>
      {role?.description !== undefined && <p class="muted small">{role.description}</p>}
      {agent.backend === 'command' && (
        <Field label="Command (a shell line)">
          <input type="text" value={agent.command} onInput={set('command')} />
        </Field>
      )}
      <Field label="Task">
        <textarea
          rows={3}
          required
          placeholder="What to do and deliver"
          value={agent.task}
          onInput={set('task')}
        />
      </Field>
      {remove !== null && (
        <button type="button" class="quiet danger" onClick={remove}>
          Remove
        </button>
      )}
    </fieldset>
  );
}
