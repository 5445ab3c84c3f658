import type { Agent } from './agent.ts';
import { shorten } from './cut-text.ts';
import { agentEvent, type DomainEvent } from './events.ts';

const maxText = 500;

/**
 * One event per new denial in the agent's output. When there are too many, a last event says that further ones are only
 * counted.
 */
export function denialEvents(before: Agent, agent: Agent, at: string): readonly DomainEvent[] {
  const [was, now] = [before.denials, agent.denials];
  if (now === null || now === was) return [];
  const events = now.shown.slice(was?.shown.length ?? 0).map((denial) => {
    const [, tool = denial, action = ''] = /^([^:\n]+): (.*)$/s.exec(denial) ?? [];
    return agentEvent('agent.permission_denied', agent, at, {
      name: agent.name,
      tool: shorten(tool, maxText),
      action: shorten(action, maxText),
    });
  });
  const isBeyond = now.count > now.shown.length && (was?.count ?? 0) <= now.shown.length;
  if (!isBeyond) return events;
  const action = `more than ${now.shown.length} actions; further ones are counted only`;
  return [
    ...events,
    agentEvent('agent.permission_denied', agent, at, { name: agent.name, tool: null, action }),
  ];
}
