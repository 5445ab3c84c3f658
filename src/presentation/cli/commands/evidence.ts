import { gatherEvidence } from '../../../application/evidence/evidence.ts';
import { agentNamed } from '../../contracts/agent-named.ts';
import { evidenceView } from '../../contracts/evidence-view.ts';
import type { CliCommand } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import { evidenceMarkdown } from '../render/evidence-markdown.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { allOption, sessionArgument } from './session-argument.ts';

export const evidenceCommand: CliCommand = {
  name: 'evidence',
  summary: "Show what proves a session's work, as Markdown or JSON",
  details:
    "For each agent: its branch and commit, how its process ended, what its CLI said, what MAOS's checks of that commit found, and where it landed. The text of agents is quoted. See docs/evidence.md for the JSON; 'maos audit verify' verifies the records and the logs.",
  arguments: [sessionArgument],
  options: [{ flags: '--agent <name>', description: 'only this agent', kind: 'text' }, allOption],
  examples: [
    { line: 'maos evidence latest | gh pr comment 12 --body-file -', says: 'in a pull request' },
    { line: 'maos evidence k7q2 --agent builder --json', says: 'one agent, as JSON' },
  ],
  pages: () => 'text',
  async run(context) {
    const { args, options, terminal, json } = context;
    const { project, id } = await new SessionFinder(context).session(args[0] ?? 'latest');
    const name = options.text('agent');
    const agent = name === undefined ? null : agentNamed(project.store.load(id), name);
    const evidence = await gatherEvidence(project, id, agent?.name ?? null);
    if (json) terminal.document(evidenceView(evidence));
    else for (const line of evidenceMarkdown(evidence)) terminal.line(line);
    return exitStatus.done;
  },
};
