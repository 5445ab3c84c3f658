import { gatherEvidence } from '../../../application/evidence/evidence.ts';
import { hasWork, workDiff } from '../../../application/evidence/work-diff.ts';
import type { Project } from '../../../application/project.ts';
import type { Agent } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { type LinePrinter, OutputReader } from '../shell/output-reader.ts';
import type { AgentView, Tab } from './state.ts';

/** The last lines of output that are kept; 'maos logs' has all of it. */
const maxLines = 2_000;
const firstLines = 500;
const maxLineLength = 4_000;
const maxDiffLength = 1_000_000;
/** Interval between reads of the file of a running agent: the system does not tell of its writes. */
const pollMs = 200;

/** What the chosen tab shows of one agent: its output while it is written, its checks, or its changes. */
export class AgentSource {
  readonly id: Agent['id'];
  readonly #project: Project;
  readonly #emit: (view: AgentView) => void;
  readonly #reader: OutputReader;
  #lines: string[] = [];
  #isOpenLine = false;
  #view: AgentView;
  /** What was read last: it is read again when this changes. */
  #key = '';
  #isReading = false;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  #latest: { workflow: Workflow; agent: Agent; tab: Tab };

  constructor(
    project: Project,
    latest: { workflow: Workflow; agent: Agent; tab: Tab },
    emit: (view: AgentView) => void,
  ) {
    this.#project = project;
    this.#latest = latest;
    this.#emit = emit;
    this.id = latest.agent.id;
    this.#reader = new OutputReader(project, latest.agent, 'readable', firstLines);
    this.#view = { id: latest.agent.id, output: null, checks: null, diff: null };
  }

  /** Reads what the tab shows, if it may have changed. */
  look(latest: { workflow: Workflow; agent: Agent; tab: Tab }): void {
    this.#latest = latest;
    if (this.#isReading || this.#stopped) return;
    const { agent, tab } = latest;
    const key = [
      tab,
      agent.state,
      agent.stage,
      agent.attempt,
      agent.work?.commit,
      agent.proof?.checks,
    ].join();
    const isGrowing = tab === 'output' && agent.state === 'running';
    if (key === this.#key && !isGrowing) return;
    this.#isReading = true;
    void this.#read(latest)
      .catch((error: unknown) => this.#project.log.log('warn', 'cannot read what an agent left', { error }))
      .finally(() => {
        this.#isReading = false;
        this.#key = key;
        if (this.#stopped) return;
        if (this.#timer !== null) clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.look(this.#latest), pollMs);
      });
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #read({ workflow, agent, tab }: { workflow: Workflow; agent: Agent; tab: Tab }): Promise<void> {
    if (tab === 'output') {
      const printer = this.#printer();
      await this.#reader.read(printer, agent);
      if (printer.hasPrinted() || this.#view.output === null) this.#tell({ output: [...this.#lines] });
    } else if (tab === 'checks') {
      const { agents } = await gatherEvidence(this.#project, workflow.session.id, agent.name);
      this.#tell({ checks: agents[0]?.checks ?? [] });
    } else if (tab === 'diff' && hasWork(agent)) {
      const { text } = await workDiff(this.#project, workflow.session, agent, { colour: false, stat: false });
      const cut =
        text.length > maxDiffLength ? `\n… the rest: maos diff ${agent.sessionId} ${agent.name}\n` : '';
      this.#tell({ diff: `${startOf(text, maxDiffLength)}${cut}` });
    }
  }

  #tell(change: Partial<AgentView>): void {
    if (this.#stopped) return;
    this.#view = { ...this.#view, ...change };
    this.#emit(this.#view);
  }

  #printer(): LinePrinter & { hasPrinted(): boolean } {
    let count = 0;
    const add = (line: string, continues: boolean): void => {
      count += 1;
      const open = this.#isOpenLine ? (this.#lines.pop() ?? '') : '';
      this.#isOpenLine = continues;
      this.#lines.push(startOf(`${open}${line}`, maxLineLength));
      if (this.#lines.length > 2 * maxLines) this.#lines = this.#lines.slice(-maxLines);
    };
    return {
      print: ({ line, continues }) => add(line, continues),
      begin: (_, attempt) => add(`--- attempt ${attempt} ---`, false),
      ready: async () => {},
      hasPrinted: () => count > 0,
    };
  }
}
