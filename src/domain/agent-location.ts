/** Where an agent runs. Only the agent's host reads more than the label. */
export interface AgentLocation {
  /** Which kind of host wrote it: `local`, … */
  readonly kind: string;
  /** For people, on one line: `process 4711`. */
  readonly label: string;
  /** The host's own data, as JSON: with it the host finds the agent again and tells whether it is alive. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** A location as an event holds it. The first versions wrote `{host, pid, startTime, …}`. */
export function readLocation(where: Readonly<Record<string, unknown>>): AgentLocation {
  const { kind, label, data } = where;
  if (typeof kind === 'string' && typeof label === 'string' && typeof data === 'object' && data !== null) {
    return { kind, label, data: data as AgentLocation['data'] };
  }
  const { host, ...rest } = where;
  const known = typeof rest.pid === 'number' ? `process ${rest.pid}` : JSON.stringify(where);
  return { kind: typeof host === 'string' ? host : 'local', label: known, data: rest };
}
