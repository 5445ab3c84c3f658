import type { BackendReport } from '../../../application/runtime.ts';
import { capabilityWords } from '../../contracts/backend-facts.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { withSnakeCase } from '../../contracts/snake-case.ts';
import type { CliCommand } from '../command.ts';
import { renderTable } from '../render/table.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const backendsCommand: CliCommand = {
  name: 'backends',
  summary: 'List the backends: version, sign-in and what each can do',
  details:
    "A backend is what runs an agent's program. MAOS asks each installed CLI for its version, and starts none otherwise.",
  arguments: [],
  options: [],
  examples: [{ line: 'maos backends --json', says: 'with paths and every capability' }],
  async run({ terminal, json, runtime }) {
    const backends = await runtime().probeBackends();
    if (json) {
      terminal.document({ backends: withSnakeCase(backends) });
      return exitStatus.done;
    }
    const columns = [
      { title: 'BACKEND', whole: true },
      { title: 'CLI', rank: 2 },
      { title: 'VERSION' },
      { title: 'SIGNED IN', rank: 1 },
      { title: 'CAN' },
    ];
    for (const line of renderTable(columns, backends.map(rowOf), terminal.canvas)) terminal.line(line);
    for (const { name, problem, remark } of backends) {
      const note = problem ?? remark;
      if (note !== null) terminal.line(terminal.canvas.paint('dim', oneLine(`${name}: ${note}`)));
    }
    return exitStatus.done;
  },
};

function rowOf({ name, title, available, version, signedIn, capabilities }: BackendReport) {
  const can = capabilityWords.flatMap(({ key, word }) => (capabilities[key] ? [word] : []));
  return [
    { text: name, format: available ? ('green' as const) : ('dim' as const) },
    oneLine(title),
    available ? (version ?? 'installed') : 'not installed',
    available ? signedIn : '',
    can.join(', '),
  ];
}
