import type { OutputStream } from '../../../application/ports/agent-disk.ts';
import type { Project } from '../../../application/project.ts';
import type { Agent } from '../../../domain/agent.ts';
import type { TimedSource } from './merge-logs.ts';
import type { LogRequest } from './stream-log.ts';

/** Bytes that were printed to one stream between two looks at it. */
export interface Stretch {
  readonly agent: Agent;
  readonly stream: OutputStream;
  readonly from: number;
  readonly to: number;
}

/** The bytes of one agent's output as they came, its streams in the order in which they were seen. */
export class RawLog implements TimedSource<Stretch> {
  readonly #host: Project['host'];
  readonly #agent: Agent;
  readonly #request: LogRequest;
  readonly #position: Record<OutputStream, number>;
  #from = 0;
  #found: (Stretch & { readonly at: number })[] = [];
  #isAtEnd = false;
  #lastAt = 0;

  /** @param position where each stream begins */
  constructor(
    host: Project['host'],
    agent: Agent,
    request: LogRequest,
    position: Partial<Record<OutputStream, number>> = {},
  ) {
    this.#host = host;
    this.#agent = agent;
    this.#request = request;
    this.#position = { stdout: 0, stderr: 0, ...position };
  }

  /** Allows another read after the end was reached. */
  renew(): void {
    this.#isAtEnd = false;
  }

  get needsFill(): boolean {
    return !this.#isAtEnd && this.#found.length === 0;
  }

  async fill(): Promise<void> {
    while (this.needsFill) {
      const { marks, next } = await this.#host.outputMarks(this.#agent, this.#from, this.#request.check);
      for (const { stream, at, end } of marks) this.#find(stream, end, at);
      if (next === this.#from) await this.#findRest();
      this.#from = next;
    }
  }

  /** What no MAOS has seen being printed. */
  async #findRest(): Promise<void> {
    this.#isAtEnd = true;
    const { check } = this.#request;
    for (const stream of this.#request.streams) {
      const { size } = await this.#host.readOutput(this.#agent, stream, 0, 0, check);
      const grewAt = await this.#host.lastOutputAt(this.#agent, { stream, check });
      this.#find(stream, size, grewAt === null ? 0 : Date.parse(grewAt));
    }
  }

  #find(stream: OutputStream, to: number, at: number): void {
    const from = this.#position[stream];
    if (to <= from || !this.#request.streams.includes(stream)) return;
    this.#position[stream] = to;
    this.#lastAt = Math.max(this.#lastAt, at);
    this.#found.push({ agent: this.#agent, stream, from, to, at: this.#lastAt });
  }

  headAt(): number | null {
    return this.#found[0]?.at ?? null;
  }

  take(): Stretch | null {
    return this.#found.shift() ?? null;
  }
}

const pieceBytes = 64 * 1024;

/** Hands on the bytes of a stretch, piece by piece. */
export async function sendStretch(
  host: Project['host'],
  { agent, stream, from, to }: Stretch,
  check: number | undefined,
  send: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  for (let at = from; at < to; ) {
    const { bytes } = await host.readOutput(agent, stream, at, Math.min(pieceBytes, to - at), check);
    // Somebody has truncated the log.
    if (bytes.length === 0) return;
    await send(bytes);
    at += bytes.length;
  }
}
