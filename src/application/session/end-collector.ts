import type { Workflow } from '../../domain/workflow.ts';
import type { Project } from '../project.ts';
import type { ArtifactRecorder, RecordedArtifacts } from './artifact-recorder.ts';
import type { Ending } from './ending.ts';
import { readStderrTail } from './stderr-tail.ts';
import { unlessAborted } from './unless-aborted.ts';
import type { WakeSignal } from './wake-signal.ts';

/** The parts of the project that collecting needs. */
export type CollectorProject = Pick<Project, 'clock' | 'host' | 'log'>;

/** Agents that ended together, with what was found in their files. */
export interface CollectedEnds {
  readonly endings: readonly Ending[];
  /** The end of stderr, for each of them. */
  readonly tails: readonly string[];
  readonly found: RecordedArtifacts;
  readonly at: string;
}

/** A hurried scan ends within this time, however many files the agent left. */
const hurryMs = 100;

const nothingFound: RecordedArtifacts = { records: [], events: [] };

/**
 * Scans the files of ended agents beside the loop that decides, because reading them may take any time. One scan runs
 * at a time; each wakes the loop when it is done.
 */
export class EndCollector {
  readonly #project: CollectorProject;
  readonly #artifacts: ArtifactRecorder;
  readonly #wakeSignal: WakeSignal;
  readonly #waiting: Ending[] = [];
  #done: CollectedEnds | null = null;
  #looking: AbortController | null = null;
  #hurried: AbortController | null = null;

  constructor(project: CollectorProject, artifacts: ArtifactRecorder, wakeSignal: WakeSignal) {
    this.#project = project;
    this.#artifacts = artifacts;
    this.#wakeSignal = wakeSignal;
  }

  add(endings: readonly Ending[]): void {
    this.#waiting.push(...endings);
    if (endings.some(({ isHurried }) => isHurried)) this.hurry();
  }

  /** The scans finished since the last call; null if there are none. */
  take(): CollectedEnds | null {
    const done = this.#done;
    this.#done = null;
    return done;
  }

  /** Scans the waiting agents, unless a scan is running. @param workflow with the ended agents still in state running */
  begin(workflow: Workflow): void {
    if (this.#looking !== null || this.#done !== null || this.#waiting.length === 0) return;
    const looking = new AbortController();
    this.#looking = looking;
    if (this.#waiting.some(({ isHurried }) => isHurried)) this.hurry();
    void this.#look(this.#waiting.splice(0), workflow, looking.signal).then((done) => {
      this.#looking = null;
      this.#done = done;
      this.#wakeSignal.notify();
    });
  }

  /**
   * Ends the scan soon, with the files found by then, because a caller waits; a later scan finds the rest. Safe to
   * repeat.
   */
  hurry(): void {
    const looking = this.#looking;
    if (looking === null || looking === this.#hurried) return;
    this.#hurried = looking;
    this.#project.clock.after(hurryMs, () => looking.abort());
  }

  /** Ends the scan immediately: its result is no longer needed. */
  stop(): void {
    this.#looking?.abort();
  }

  async #look(endings: readonly Ending[], workflow: Workflow, signal: AbortSignal): Promise<CollectedEnds> {
    const { host, log, clock } = this.#project;
    const tails = endings.map(() => '');
    const reading = endings.map(async ({ agent }, index) => {
      tails[index] = await readStderrTail(agent, host, log);
    });
    await unlessAborted(Promise.all(reading), signal, []);
    const at = clock.now();
    try {
      const found = await this.#artifacts.collect(workflow, at, signal);
      if (signal.aborted) {
        const cut = 'files of agents scanned only in part, to avoid a delay';
        log.log('warn', cut, { session: workflow.session.id });
      }
      return { endings, tails, found, at };
    } catch (error) {
      // The files stay where they are; recording the ends matters more.
      log.log('error', 'cannot scan the files of agents', { session: workflow.session.id, error });
      return { endings, tails, found: nothingFound, at };
    }
  }
}
