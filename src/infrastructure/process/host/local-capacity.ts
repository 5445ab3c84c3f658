import type { AgentSlots, HostCapacity } from '../../../application/ports/host-capacity.ts';
import type { AgentLocation } from '../../../domain/agent-location.ts';
import type { AgentId } from '../../../domain/ids.ts';
import type { ProcessIdentity } from '../tree/identity.ts';
import type { Machine } from '../tree/machine.ts';

/** The `kind` of locations on this machine. */
const localKind = 'local';

interface ProcessSlots extends Pick<AgentSlots, 'tryTake' | 'give'> {
  bind(agentId: AgentId, process: ProcessIdentity): void;
}

/** @param slots the slots of the machine; called each time, because their database may be replaced */
export function makeLocalCapacity(machine: Machine, slots: () => ProcessSlots): HostCapacity {
  return {
    ...machine,
    slots: {
      tryTake: (agentId, sessionId, limit) => slots().tryTake(agentId, sessionId, limit),
      give: (agentId) => slots().give(agentId),
      bind: (agentId, location) => {
        const found = processOf(location);
        if (found !== null) slots().bind(agentId, found);
      },
    },
  };
}

export function localLocation(pid: number | null, identity: ProcessIdentity | null): AgentLocation {
  const { startTime = null, bootId = null, place = null } = identity ?? {};
  const label = pid === null ? 'no process' : `process ${pid}`;
  return { kind: localKind, label, data: { pid, startTime, bootId, place } };
}

/** Null when the location is incomplete: its process had already ended or could not be identified. */
function processOf({ kind, data }: AgentLocation): ProcessIdentity | null {
  const { pid, startTime, bootId, place } = data;
  const isWhole =
    kind === localKind &&
    typeof pid === 'number' &&
    typeof startTime === 'string' &&
    typeof bootId === 'string' &&
    typeof place === 'string';
  return isWhole ? { pid, startTime, bootId, place } : null;
}
