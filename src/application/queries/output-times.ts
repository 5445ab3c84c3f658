import type { Agent } from '../../domain/agent.ts';
import type { OutputMark, OutputStream } from '../ports/agent-disk.ts';
import type { Project } from '../project.ts';

/** When a piece of output was seen. */
export interface Seen {
  /** In Unix milliseconds: a moment after it was printed. */
  readonly at: number;
  /** Orders the output of both streams of an agent. */
  readonly order: number;
}

/**
 * When an agent's output was seen by the MAOS that ran it. Output that none saw, and that of earlier versions, has the
 * time at which its log last grew, or its agent ended, and comes after what was seen.
 */
export class OutputTimes {
  readonly #host: Project['host'];
  readonly #agent: Agent;
  readonly #marks: Record<OutputStream, (OutputMark & { readonly order: number })[]> = {
    stdout: [],
    stderr: [],
  };
  #from = 0;
  #count = 0;
  readonly #grewAt: Record<OutputStream, number> = { stdout: 0, stderr: 0 };

  readonly #check: number | undefined;

  /** @param check of its work, whose output is meant instead */
  constructor(host: Project['host'], agent: Agent, check?: number) {
    this.#host = host;
    this.#agent = agent;
    this.#check = check;
  }

  /** Makes {@link of} know of the stream up to this offset. */
  async load(stream: OutputStream, end: number): Promise<void> {
    while ((this.#marks[stream].at(-1)?.end ?? -1) < end) {
      const { marks, next } = await this.#host.outputMarks(this.#agent, this.#from, this.#check);
      if (next === this.#from) {
        const at = await this.#host.lastOutputAt(this.#agent, { stream, check: this.#check });
        const { endedAt } = this.#agent;
        const end = endedAt === null ? Number.POSITIVE_INFINITY : Date.parse(endedAt);
        this.#grewAt[stream] = at === null ? 0 : Math.min(Date.parse(at), end);
        return;
      }
      this.#from = next;
      for (const mark of marks) this.#marks[mark.stream].push({ ...mark, order: this.#count++ });
    }
  }

  /** @param end offset behind the output, not before that of the previous call for this stream */
  of(stream: OutputStream, end: number): Seen {
    const marks = this.#marks[stream];
    const found = marks.findIndex((mark) => mark.end >= end);
    if (found > 0) marks.splice(0, found);
    const [mark] = marks;
    if (mark === undefined || mark.end < end)
      return { at: this.#grewAt[stream], order: Number.POSITIVE_INFINITY };
    return mark;
  }

  /** Offset in a stream before which all output was seen earlier than this time. */
  async seenBefore(stream: OutputStream, at: number): Promise<number> {
    let position = 0;
    for (let from = 0; ; ) {
      const { marks, next } = await this.#host.outputMarks(this.#agent, from, this.#check);
      for (const mark of marks) {
        if (mark.stream !== stream) continue;
        if (mark.at >= at) return position;
        position = Math.max(position, mark.end);
      }
      if (next === from) return position;
      from = next;
    }
  }
}
