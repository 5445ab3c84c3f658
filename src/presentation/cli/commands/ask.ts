import { randomUUID } from 'node:crypto';
import { InputRequests } from '../../../application/requests/input-requests.ts';
import { whenFree } from '../../../application/when-free.ts';
import { MaosError } from '../../../domain/errors.ts';
import { inState } from '../../../domain/state-words.ts';
import { callingAgent } from '../../calling-agent.ts';
import { requestView } from '../../contracts/request-view.ts';
import { namesOf } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const askCommand: CliCommand = {
  name: 'ask',
  summary: 'Ask a question as an agent, and wait for the answer',
  details: [
    'For programs that an agent runs; the MAOS_* variables identify the agent. Prints only the answer.',
    'Exit status: 0 answered, 1 it expired or was withdrawn, 4 this is not the environment of a running agent.',
  ].join('\n'),
  arguments: [{ syntax: '<question...>', description: 'the question' }],
  options: [{ flags: '--choice <text>', description: 'an answer to suggest; may be repeated', kind: 'list' }],
  examples: [
    {
      line: "maos ask 'Which port?' --choice 8080 --choice 3000",
      says: 'waits for the answer and prints it',
    },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options, terminal, json, env, runtime, projectPath } = context;
  const agent = await callingAgent(runtime(), env, projectPath);
  if (agent === null) {
    throw new MaosError(
      'FORBIDDEN',
      "Only an agent can ask: run 'maos ask' from a program that an agent of MAOS has started.",
    );
  }
  const { project, caller } = agent;
  const requests = new InputRequests(project);
  const asked = await whenFree(project, () =>
    requests.open({
      ...caller,
      ...{ key: `ask-${env.MAOS_AGENT_CALL ?? randomUUID()}`, kind: 'question', tool: null, reason: null },
      action: args.join(' '),
      choices: options.list('choice').map(({ value }) => value),
    }),
  );
  const interrupted = context.watchInterrupts();
  const waited = await requests.waitForAnswer(asked.id, interrupted);
  const request =
    waited.state === 'open' ? await whenFree(project, () => requests.withdraw(waited.id)) : waited;
  const { answer } = request;
  if (json) {
    terminal.document(requestView(request, namesOf(project.store.load(request.sessionId).agents)));
  } else if (answer?.kind === 'question') terminal.line(answer.text);
  if (answer !== null) return exitStatus.done;
  if (!json) terminal.notice(`No answer: the question ${request.id} ${inState(request.state)}.`);
  return interrupted.aborted ? exitStatus.interrupted : exitStatus.failed;
}
