import { gatherEvidence } from '../../../application/evidence/evidence.ts';
import { hasWork, workDiff } from '../../../application/evidence/work-diff.ts';
import type { Project } from '../../../application/project.ts';
import type { Agent } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { AgentLog } from '../logs/agent-log.ts';
import { startAtTail } from '../logs/log-start.ts';
import { mergeLogs } from '../logs/merge-logs.ts';
import type { LogLine, LogRequest } from '../logs/stream-log.ts';
import type { AgentView, Tab } from './state.ts';

/** The last lines of output that are kept; 'maos logs' has all of it. */
const maxLines = 2_000;
const firstLines = 500;
const maxLineLength = 4_000;
const maxDiffLength = 1_000_000;
const readable: LogRequest = {
  streams: ['stdout', 'stderr'],
  check: undefined,
  isRaw: false,
  keepsColours: false,
};
/** Interval between reads of the file of a running agent: the system does not tell of its writes. */
const pollMs = 200;

/** What the chosen tab shows of one agent: its output while it is written, its checks, or its changes. */
export class AgentSource {
  readonly id: Agent['id'];
  readonly #project: Project;
  readonly #emit: (view: AgentView) => void;
  #log: AgentLog | null = null;
  /** How many lines of the log come before those that are shown. */
  #skip = 0;
  #lines: string[] = [];
  /** The stream whose last line is incomplete. */
  #open: LogLine['stream'] | null = null;
  #attempt: number | null = null;
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
      if ((await this.#readLog(agent)) || this.#view.output === null)
        this.#tell({ output: [...this.#lines] });
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

  /** @returns whether there is more than before */
  async #readLog(agent: Agent): Promise<boolean> {
    let log = this.#log;
    if (log === null) {
      const { cursors, skip } = await startAtTail(this.#project, agent, readable, firstLines);
      this.#skip = skip;
      log = this.#log = new AgentLog(this.#project, agent, readable, cursors);
    }
    log.renew(agent);
    let count = 0;
    const add = (line: LogLine): void => {
      count += 1;
      if (this.#skip === 0) this.#add(line);
      else if (!line.continues) this.#skip -= 1;
    };
    await mergeLogs([log], add, async () => {});
    return count > 0;
  }

  #add({ stream, attempt, line, continues }: LogLine): void {
    if (this.#attempt !== null && attempt !== this.#attempt) this.#lines.push(`--- attempt ${attempt} ---`);
    this.#attempt = attempt;
    const open = this.#open === stream ? (this.#lines.pop() ?? '') : '';
    this.#open = continues ? stream : null;
    this.#lines.push(startOf(`${open}${line}`, maxLineLength));
    if (this.#lines.length > 2 * maxLines) this.#lines = this.#lines.slice(-maxLines);
  }
}
