import type { Project } from '../../../application/project.ts';
import { InputRequests } from '../../../application/requests/input-requests.ts';
import { whenFree } from '../../../application/when-free.ts';
import { isMaosError } from '../../../domain/errors.ts';
import type { Answer, InputRequest } from '../../../domain/input-request.ts';
import { showAction } from '../../../domain/invisible-marks.ts';
import { askedText } from '../../contracts/request-view.ts';
import type { ClientInput } from '../server/context.ts';
import { type ClientQuestion, InputNeeded } from '../server/input-needed.ts';

/** More would fill the user's screen; the rest follows with the next answer. */
const mostAtOnce = 5;

/** What was asked through the client, by request id: each only once, because the user may leave it to somebody else. */
interface Asked {
  readonly asked: readonly string[];
}

/**
 * Lets the client's user answer open requests of agents, where the client can ask its user (MCP elicitation).
 * @throws InputNeeded with the requests that were not asked yet
 */
export function askUser(
  input: ClientInput | null,
  open: readonly InputRequest[],
  agentNames: ReadonlyMap<string, string>,
): void {
  if (input === null || !canAsk(input)) return;
  const before = askedBefore(input);
  const now = open.filter(({ id }) => !before.includes(id)).slice(0, mostAtOnce);
  if (now.length === 0) return;
  const questions = Object.fromEntries(now.map((request) => [request.id, questionOf(request, agentNames)]));
  throw new InputNeeded(questions, { asked: [...before, ...now.map(({ id }) => id)] } satisfies Asked);
}

/**
 * Stores what the client's user has answered. Only answers to what was asked count; a request that was answered
 * elsewhere meanwhile keeps that answer.
 */
export async function takeAnswers(input: ClientInput | null, project: Project): Promise<void> {
  if (input === null) return;
  const requests = new InputRequests(project);
  const asked = askedBefore(input);
  for (const request of project.store.inputRequests.list({ state: 'open', limit: 1_000 })) {
    if (!asked.includes(request.id)) continue;
    const answer = answerIn(input.responses[request.id], request);
    if (answer === null) continue;
    try {
      await whenFree(project, () => requests.answer(request.id, answer, { type: 'person', front: 'mcp' }));
    } catch (error) {
      if (!isMaosError(error, 'INVALID_TRANSITION')) throw error;
    }
  }
}

/** A client that declares no mode can show forms. */
function canAsk({ capabilities: { elicitation } }: ClientInput): boolean {
  if (typeof elicitation !== 'object' || elicitation === null) return false;
  return 'form' in elicitation || Object.keys(elicitation).length === 0;
}

function askedBefore({ state }: ClientInput): readonly string[] {
  return (state as Asked | null)?.asked ?? [];
}

function questionOf(request: InputRequest, names: ReadonlyMap<string, string>): ClientQuestion {
  const { agentId, kind, reason, choices } = request;
  const agent = names.get(agentId) ?? agentId;
  const asks = kind === 'permission' ? `The agent ${agent} asks to be allowed` : `The agent ${agent} asks`;
  const why = reason === null ? '' : `\nIts reason: ${showAction(reason)}`;
  const message = `${asks}:\n${askedText(request)}${why}`;
  const properties =
    kind === 'permission'
      ? {
          decision: { type: 'string', title: 'Decision', enum: ['allow', 'deny'] },
          message: { type: 'string', title: 'What to tell the agent if denied' },
        }
      : {
          answer: {
            type: 'string',
            title: 'Answer',
            ...(choices.length === 0 ? {} : { description: `Suggested: ${choices.join(' · ')}` }),
          },
        };
  const required = [kind === 'permission' ? 'decision' : 'answer'];
  return {
    method: 'elicitation/create',
    params: { mode: 'form', message, requestedSchema: { type: 'object', properties, required } },
  };
}

/** Null if the user declined, or the form does not hold an answer. */
function answerIn(response: unknown, { kind }: InputRequest): Answer | null {
  const { action, content } = (response ?? {}) as { readonly action?: unknown; readonly content?: unknown };
  if (action !== 'accept' || typeof content !== 'object' || content === null) return null;
  const { decision, message, answer } = content as Readonly<Record<string, unknown>>;
  if (kind === 'question') {
    return typeof answer === 'string' && answer.trim() !== '' ? { kind, text: answer } : null;
  }
  if (decision !== 'allow' && decision !== 'deny') return null;
  return { kind, decision, message: typeof message === 'string' && message !== '' ? message : null };
}
