import type { RecordedEvent } from '../../../domain/events.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { eventLine, isHidden } from '../../contracts/event-lines.ts';
import { eventView } from '../../contracts/views.ts';
import { formatTime } from '../render/format.ts';
import { isInForeground } from '../shell/foreground.ts';
import type { Terminal } from '../shell/terminal.ts';
import { LiveDisplay } from './live-display.ts';

/** Shows a session while it runs. */
export interface Progress {
  /** Shows new events, and the session after them. */
  show(events: readonly RecordedEvent[], workflow: Workflow): void;
  /** Ends the display; `clear` if a report replaces it. */
  stop(how: 'keep' | 'clear'): void;
}

/** With `--json` every event as JSON; on a terminal a live view; elsewhere a line per relevant event. */
export function makeProgress(terminal: Terminal, json: boolean): Progress {
  if (json) return new JsonProgress(terminal);
  return terminal.redraws ? new LiveDisplay(terminal, isInForeground) : new LineProgress(terminal);
}

class JsonProgress implements Progress {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(events: readonly RecordedEvent[]): void {
    for (const event of events) this.#terminal.record(eventView(event));
  }

  stop(): void {}
}

class LineProgress implements Progress {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(events: readonly RecordedEvent[], workflow: Workflow): void {
    const names = new Map<string, string>(workflow.agents.map(({ id, name }) => [id, name]));
    for (const event of events) {
      if (!isHidden(event, 'lines'))
        this.#terminal.line(`${formatTime(event.at)} ${eventLine(event, names)}`);
    }
  }

  stop(): void {}
}
