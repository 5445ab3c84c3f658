import { type OutputView, readAgentOutput } from '../../application/agent-output.ts';
import type { Project } from '../../application/project.ts';
import type { Agent } from '../../domain/agent.ts';

export interface OutputLine {
  readonly agent: Agent;
  /** Without its line feed. */
  readonly line: string;
}

const pageChars = 64 * 1024;

/** Reads one agent's output line by line, going on where it stopped. */
export class OutputReader {
  readonly #project: Project;
  readonly #view: OutputView;
  #agent: Agent;
  #tailLines: number | null;
  #cursor: string | null = null;
  /** A last line that has not ended yet. */
  #partial = '';

  /** @param tailLines at first, only so many last lines; null for all */
  constructor(project: Project, agent: Agent, view: OutputView, tailLines: number | null) {
    this.#project = project;
    this.#agent = agent;
    this.#view = view;
    this.#tailLines = tailLines;
  }

  get agent(): Agent {
    return this.#agent;
  }

  /**
   * Hands over every whole line written since the last call.
   * @param agent as it is now
   */
  async read(print: (line: OutputLine) => void, agent: Agent = this.#agent): Promise<void> {
    this.#agent = agent;
    for (;;) {
      const { text, cursor, atEnd } = await readAgentOutput(this.#project, {
        agent,
        view: this.#view,
        tailLines: this.#tailLines === 0 ? 1 : this.#tailLines,
        cursor: this.#cursor,
        maxChars: pageChars,
      });
      const wanted = this.#tailLines !== 0;
      this.#tailLines = null;
      this.#cursor = cursor;
      if (wanted) this.#take(text, print);
      if (atEnd) return;
    }
  }

  /** Hands over a last line that was never ended. */
  finish(print: (line: OutputLine) => void): void {
    if (this.#partial !== '') print({ agent: this.#agent, line: this.#partial });
    this.#partial = '';
  }

  #take(text: string, print: (line: OutputLine) => void): void {
    const lines = `${this.#partial}${text}`.split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) print({ agent: this.#agent, line });
  }
}
