import type { PromptEscape } from '../../../application/ports/backend.ts';
import { endOf, shorten } from '../../../domain/cut-text.ts';
import { invalid } from './errors.ts';
import type { Message, MessagePart } from './schemas.ts';

/** Maximum characters of earlier messages in a task. */
const maxHistory = 20_000;
/** The limit for any task. */
const maxTask = 100_000;
const maxObjective = 200;

/**
 * The task for a role's agent: the text of the input, preceded by earlier messages of the session that are not in the
 * agent's own conversation. Files and images cannot be passed to an agent's CLI, so they are refused rather than
 * dropped.
 * @param promptEscape escapes earlier messages and what agents said: only the caller may use the prompt syntax of the
 *   CLI
 * @throws AcpError 422
 */
export function toTask(
  input: readonly Message[],
  before: readonly Message[],
  promptEscape: PromptEscape | null,
): { readonly task: string; readonly objective: string } {
  const asPlain = (text: string): string => (promptEscape === null ? text : promptEscape.apply(text));
  const asked = render(input, input.length > 1, true, asPlain);
  if (asked.length > maxTask) {
    throw invalid(`The input has ${asked.length} characters; a role takes ${maxTask}.`);
  }
  const said = asked.trim() === '' ? '(The message was empty.)' : asked;
  const history = asPlain(lastOf(render(before, true, false)));
  const task = history === '' ? said : `Said before in this session:\n\n${history}\n\nNow:\n\n${said}`;
  return { task, objective: shorten(said.trim().replace(/\s+/g, ' '), maxObjective) };
}

/**
 * A resumed run cannot pass a new message to the agent's CLI, so a message with content is refused rather than dropped.
 * @throws AcpError 422
 */
export function assertSaysNothing({ parts }: Message): void {
  if (parts.every(({ content, content_url }) => content_url == null && (content ?? '').trim() === '')) return;
  throw invalid(
    'MAOS cannot pass a message to a resumed agent: resume it with an empty message ("parts": []), and send your message as the input of another run with the same session_id.',
  );
}

function render(
  messages: readonly Message[],
  named: boolean,
  strict: boolean,
  ofAgents = (text: string): string => text,
): string {
  return messages
    .map(({ role = 'user', parts }) => {
      const pieces = parts.map((part) => textOf(part, strict)).filter((piece) => piece !== '');
      const text = role === 'user' ? pieces.join('\n') : ofAgents(pieces.join('\n'));
      return `${named ? `${role}:\n` : ''}${text}`;
    })
    .join('\n\n');
}

function textOf(part: MessagePart, strict: boolean): string {
  if (part.metadata?.kind === 'trajectory') return '';
  const name = part.name == null ? '' : `[${part.name}]\n`;
  if (part.content_url != null) return `${name}${part.content_url}`;
  const content = part.content ?? '';
  const text = part.content_encoding === 'base64' ? decoded(content) : content;
  if (text !== null && !text.includes('\u0000')) return text === '' ? '' : `${name}${text}`;
  if (!strict) return `${name}(${part.content_type ?? 'a file'}, not text)`;
  throw invalid(
    `A part of type ${part.content_type ?? 'text/plain'} is not text, and the agents of MAOS accept only text. Put the file into the project and name its path.`,
  );
}

function decoded(base64: string): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64, 'base64'));
  } catch {
    // Not UTF-8; the caller decides what that means.
    return null;
  }
}

function lastOf(text: string): string {
  return text.length <= maxHistory ? text : `[cut]${endOf(text, maxHistory)}`;
}
