/** Where an agent runs. Only the agent's host interprets more than the label. */
export interface AgentLocation {
  /** The kind of host that created it: `local`, … */
  readonly kind: string;
  /** For people, on one line: `process 4711`. */
  readonly label: string;
  /** The host's own data, as JSON. With it the host finds the agent again and checks whether it is alive. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads the location in an event. The first versions wrote `{host, pid, startTime, …}`. */
export function readLocation(where: Readonly<Record<string, unknown>>): AgentLocation {
  const { kind, label, data } = where;
  if (typeof kind === 'string' && typeof label === 'string' && typeof data === 'object' && data !== null) {
    return { kind, label, data: data as AgentLocation['data'] };
  }
  const { host, ...rest } = where;
  const known = typeof rest.pid === 'number' ? `process ${rest.pid}` : JSON.stringify(where);
  return { kind: typeof host === 'string' ? host : 'local', label: known, data: rest };
}
