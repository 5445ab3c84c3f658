/** The form for a team, and the plan that it describes. */

export interface AgentForm {
  readonly key: number;
  readonly name: string;
  readonly role: string;
  readonly task: string;
  /** Names, as typed: separated by commas. */
  readonly after: string;
  readonly backend: string;
  readonly model: string;
  readonly command: string;
  readonly workspace: string;
}

export interface TeamForm {
  readonly objective: string;
  readonly strategy: string;
  readonly agents: readonly AgentForm[];
  readonly maxConcurrency: string;
  readonly maxTokens: string;
  readonly maxCostUsd: string;
  readonly maxMinutes: string;
  readonly verify: string;
}

export function newAgent(key: number): AgentForm {
  return { key, name: '', role: '', task: '', after: '', backend: '', model: '', command: '', workspace: '' };
}

export const emptyTeam: TeamForm = {
  objective: '',
  strategy: 'parallel',
  agents: [newAgent(1)],
  ...{ maxConcurrency: '', maxTokens: '', maxCostUsd: '', maxMinutes: '', verify: '' },
};

/** The plan in JSON, without what was left empty. The server checks it. */
export function planOf(team: TeamForm): Readonly<Record<string, unknown>> {
  return given({
    objective: team.objective.trim(),
    strategy: team.strategy,
    max_concurrency: numberIn(team.maxConcurrency),
    verify: team.verify.trim(),
    budget: emptyAsNone(
      given({
        max_tokens: numberIn(team.maxTokens),
        max_cost_usd: numberIn(team.maxCostUsd),
        max_minutes: numberIn(team.maxMinutes),
      }),
    ),
    agents: team.agents.map((agent) =>
      given({
        name: agent.name.trim(),
        role: agent.role,
        task: agent.task.trim(),
        depends_on: emptyAsNone(
          agent.after
            .split(',')
            .map((name) => name.trim())
            .filter((name) => name !== ''),
        ),
        backend: agent.backend,
        model: agent.model.trim(),
        command: agent.backend === 'command' ? agent.command.trim() : '',
        workspace: agent.workspace,
      }),
    ),
  });
}

function numberIn(text: string): number | undefined {
  return text.trim() === '' ? undefined : Number(text);
}

function emptyAsNone<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

function given(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== ''),
  );
}
