import type { OutputStream } from '../../../application/ports/agent-disk.ts';
import type { Project } from '../../../application/project.ts';
import { OutputTimes } from '../../../application/queries/output-times.ts';
import type { Agent } from '../../../domain/agent.ts';
import { type LogLine, type LogRequest, StreamLog } from './stream-log.ts';

/** The output of one agent, its streams in the order in which they were printed as far as it is known. */
export class AgentLog {
  readonly #streams: readonly StreamLog[];
  #agent: Agent;
  #lastAt = 0;

  /** @param cursors where each stream begins; default: at its start */
  constructor(
    project: Project,
    agent: Agent,
    request: LogRequest,
    cursors: Partial<Record<OutputStream, string>> = {},
  ) {
    const times = new OutputTimes(project.host, agent, request.check);
    this.#agent = agent;
    this.#streams = request.streams.map(
      (stream) => new StreamLog({ project, agent, stream, request, times, cursor: cursors[stream] ?? null }),
    );
  }

  get agent(): Agent {
    return this.#agent;
  }

  /** Allows another read after the end was reached. @param agent in its current state */
  renew(agent: Agent = this.#agent): void {
    this.#agent = agent;
    for (const stream of this.#streams) stream.renew(agent);
  }

  /** Whether {@link fill} must be awaited before {@link head} is known. */
  get needsFill(): boolean {
    return this.#streams.some((stream) => stream.needsFill);
  }

  async fill(): Promise<void> {
    for (const stream of this.#streams) await stream.fill();
  }

  /** Makes the incomplete last line of each stream a line. */
  finish(): void {
    for (const stream of this.#streams) stream.finish();
  }

  /** The next line; null when there is none yet. */
  head(): LogLine | null {
    return this.#next()?.head() ?? null;
  }

  /** In Unix milliseconds; never before that of the previous line. */
  headAt(): number | null {
    const line = this.head();
    return line === null ? null : Math.max(this.#lastAt, line.at);
  }

  take(): LogLine | null {
    const at = this.headAt();
    const line = this.#next()?.take() ?? null;
    if (line === null || at === null) return null;
    this.#lastAt = at;
    return line.at === at ? line : { ...line, at };
  }

  #next(): StreamLog | undefined {
    let first: StreamLog | undefined;
    for (const stream of this.#streams) {
      const line = stream.head();
      if (line === null) continue;
      const other = first?.head() ?? null;
      if (other === null || isBefore(line, other)) first = stream;
    }
    return first;
  }
}

function isBefore(line: LogLine, other: LogLine): boolean {
  if (line.attempt !== other.attempt) return line.attempt < other.attempt;
  return line.order < other.order;
}
