import { get, type Message, sessionPath } from '../api.ts';
import { useResource } from '../store/resource.ts';
import { plain } from '../text/clean.ts';
import { Markdown } from '../text/markdown.tsx';
import { Empty, Shown, Time } from './parts.tsx';

const shownMessages = 200;

/** What the agents and their user have written to each other. */
export function Messages({ id }: { readonly id: string }) {
  const loaded = useResource(
    id,
    (signal) =>
      get<{ messages: readonly Message[] }>(sessionPath(id, 'messages'), { limit: shownMessages }, signal),
    (event) => event.session_id === id && event.type.startsWith('message.'),
  );
  return (
    <Shown what="messages" loaded={loaded}>
      {({ messages }) =>
        messages.length === 0 ? (
          <Empty title="No messages">
            <p>Agents write to each other and to you with the tools that MAOS gives them.</p>
          </Empty>
        ) : (
          <ol class="messages">
            {messages.map((message) => (
              <li key={message.id} class="card">
                <p class="facts">
                  <strong>
                    <bdi>{message.from}</bdi>
                  </strong>{' '}
                  → <bdi>{message.to}</bdi>
                  <Time at={message.queued_at} />
                  <span class="muted">{message.state}</span>
                  {message.reason !== undefined && <span class="tone-failed">{plain(message.reason)}</span>}
                </p>
                {message.subject !== null && message.subject !== '' && (
                  <p class="subject">{plain(message.subject)}</p>
                )}
                <Markdown text={message.body} />
              </li>
            ))}
          </ol>
        )
      }
    </Shown>
  );
}
