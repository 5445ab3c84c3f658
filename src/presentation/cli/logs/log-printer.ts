import type { Agent } from '../../../domain/agent.ts';
import { openColour } from '../../../domain/colours.ts';
import { truncateMiddle } from '../render/text-width.ts';
import type { Canvas, Format, Terminal } from '../shell/terminal.ts';
import type { LogLine } from './stream-log.ts';

const prefixFormats: readonly Format[] = ['cyan', 'yellow', 'green', 'magenta', 'blue'];
/** In columns: a name takes a quarter of the terminal, and never more than this. */
const maxNameWidth = 24;
const minNameWidth = 8;
const reset = '\u001b[0m';

export interface LogPrinter {
  print(line: LogLine): void;
}

/** One record a line, for programs. */
export function makeRecordPrinter(terminal: Terminal, check: number | undefined): LogPrinter {
  return {
    print: ({ agent, attempt, stream, at, line, continues }) => {
      const of = check === undefined ? { attempt } : { check };
      const time = new Date(at).toISOString();
      const more = continues ? { continues } : {};
      terminal.record({ agent_id: agent.id, name: agent.name, ...of, stream, time, line, ...more });
    },
  };
}

/** Lines for people: of several agents, each begins with the name of its agent. */
export function makeLinePrinter(
  terminal: Terminal,
  agents: readonly Agent[],
  withTimes: boolean,
): LogPrinter {
  const { canvas } = terminal;
  const { paint } = canvas;
  const prefixes = prefixesOf(agents, canvas);
  /** The last attempt that printed something. */
  const attempts = new Map<Agent['id'], number>();
  /** The colours that an agent has not ended yet. */
  const colours = new Map<string, string>();
  /** Whose last line is incomplete. */
  let open: string | null = null;

  function put(from: string, head: string, text: string, continues: boolean): void {
    const begin = open === from ? '' : `${open === null ? '' : '\n'}${head}`;
    terminal.write(`${begin}${text}${continues ? '' : '\n'}`);
    open = continues ? from : null;
  }

  function coloured(from: string, text: string): string {
    const before = colours.get(from) ?? '';
    if (before === '' && !text.includes('\u001b')) return text;
    const after = openColour(before, text);
    colours.set(from, after);
    return `${before}${text}${after === '' ? '' : reset}`;
  }

  return {
    print({ agent, stream, attempt, at, line, continues }) {
      const prefix = prefixes.get(agent.id) ?? '';
      const last = attempts.get(agent.id) ?? attempt;
      attempts.set(agent.id, attempt);
      if (last !== attempt) {
        colours.clear();
        put(agent.id, prefix, paint('dim', `--- attempt ${attempt} ---`), false);
      }
      const time = withTimes ? `${paint('dim', new Date(at).toISOString())} ` : '';
      const from = `${agent.id} ${stream}`;
      put(from, `${prefix}${time}`, coloured(from, line), continues);
    },
  };
}

function prefixesOf(agents: readonly Agent[], { paint, width }: Canvas): Map<Agent['id'], string> {
  if (agents.length === 1) return new Map();
  const most = Math.min(maxNameWidth, Math.max(minNameWidth, Math.floor(width / 4)));
  // Names of one kind often differ at their end.
  const names = agents.map(({ name }) => truncateMiddle(name, most));
  const widest = Math.max(...names.map((name) => name.length));
  return new Map(
    agents.map(({ id }, index) => {
      const format = prefixFormats[index % prefixFormats.length] as Format;
      return [id, `${paint(format, `${(names[index] as string).padEnd(widest)} |`)} `];
    }),
  );
}
