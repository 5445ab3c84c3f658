import type { Agent } from '../../domain/agent.ts';
import { findingText } from '../../domain/amounts.ts';
import { type Budget, type BudgetFinding, type BudgetItem, checkBudget } from '../../domain/budget.ts';
import { agentEvent, type DomainEvent, sessionEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import { totalUsage, type Usage } from '../../domain/usage.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { AgentRun } from './agent-run.ts';
import { type SessionHistory, warningKey } from './session-history.ts';
import type { StopCause } from './stop-cause.ts';

export interface BudgetCheck {
  /** Warnings that have not been given yet. */
  readonly events: readonly DomainEvent[];
  readonly stops: readonly { readonly id: AgentId; readonly cause: StopCause }[];
  /** Why the session may spend no more; null if it may. */
  readonly sessionSpent: string | null;
}

/** Compares what a session and its agents have spent with their limits. Gives each warning once. */
export class BudgetWatch {
  readonly #history: SessionHistory;
  readonly #warned: Set<string>;

  constructor(history: SessionHistory) {
    this.#history = history;
    this.#warned = new Set(history.warned);
  }

  /** @param runs of running agents, whose parsers know more than the store */
  check(workflow: Workflow, runs: ReadonlyMap<AgentId, AgentRun>, now: string): BudgetCheck {
    const { session } = workflow;
    const events: DomainEvent[] = [];
    const stops: { id: AgentId; cause: StopCause }[] = [];
    const usages: (Usage | null)[] = [];
    const isSessionCapped = isCapped(session.budget);
    for (const agent of workflow.agents) {
      const run = runs.get(agent.id);
      // Reads the parser's usage only if there is a limit, because this runs often and for hundreds of agents.
      const isCounted = isSessionCapped || isCapped(agent.budget);
      const usage = run === undefined || !isCounted ? agent.usage : run.usage(agent);
      usages.push(usage);
      // What its program has spent is settled, and checks spend nothing of the agent's budget.
      if (run === undefined || run.isCheck || !isCounted) continue;
      const cause = budgetStop(agent, usage, run.ranMs());
      if (cause !== null) stops.push({ id: agent.id, cause });
      const findings = checkBudget(agent.budget, spentNow(agent, usage), run.ranMs());
      const warnings = findings.filter(({ level }) => level === 'warning');
      for (const finding of this.#fresh(agent.id, warnings)) {
        events.push(agentEvent('budget.warned', agent, now, { name: agent.name, ...finding }));
      }
    }
    const findings = checkBudget(session.budget, totalUsage(usages), this.#history.ranMs(now));
    for (const finding of this.#fresh(null, findings)) {
      events.push(sessionEvent('budget.warned', session.id, now, { name: null, ...finding }));
    }
    const over = findings.find(({ level }) => level === 'exceeded');
    const sessionSpent = over === undefined ? null : `The session's budget is used up: ${findingText(over)}.`;
    return { events, stops, sessionSpent };
  }

  #fresh(id: AgentId | null, findings: readonly BudgetFinding[]): readonly BudgetFinding[] {
    return findings.filter((finding) => {
      const key = warningKey(id, finding);
      if (this.#warned.has(key)) return false;
      this.#warned.add(key);
      return true;
    });
  }
}

/** Why an agent may spend no more; null: it may. @param usage over all of its attempts */
export function budgetStop(agent: Agent, usage: Usage | null, ranMs: number): StopCause | null {
  const findings = checkBudget(agent.budget, spentNow(agent, usage), ranMs);
  const spent = findings.find(({ level }) => level === 'exceeded');
  return spent === undefined ? null : agentStop(agent, spent.item);
}

function isCapped(budget: Budget): boolean {
  return Object.values(budget).some((cap) => cap !== null);
}

/** A new conversation has the whole budget; a resumed one continues with what it has spent. */
function spentNow(agent: Agent, usage: Usage | null): Usage | null {
  const { usageBefore, resumed } = agent;
  if (usage === null || usageBefore === null || resumed !== null) return usage;
  return {
    inputTokens: usage.inputTokens - usageBefore.inputTokens,
    outputTokens: usage.outputTokens - usageBefore.outputTokens,
    cacheReadTokens: usage.cacheReadTokens - usageBefore.cacheReadTokens,
    cacheWriteTokens: usage.cacheWriteTokens - usageBefore.cacheWriteTokens,
    turns: usage.turns - usageBefore.turns,
    costUsd: usage.costUsd === null ? null : usage.costUsd - (usageBefore.costUsd ?? 0),
  };
}

/** The overshoot is known only at the end, because usage that was pending when the agent was stopped counts too. */
function agentStop(agent: Agent, item: BudgetItem): StopCause {
  const explain = (usage: Usage | null, ranMs: number): string => {
    const findings = checkBudget(agent.budget, spentNow(agent, usage), ranMs);
    const finding = findings.find((found) => found.item === item) ?? findings[0];
    const what = finding === undefined ? item : findingText(finding);
    return `Its budget is used up: ${what}. It was stopped; give it a larger budget or a smaller task.`;
  };
  return { kind: 'limit', failure: 'budget_exceeded', explain };
}
