import { MaosError, quote } from '../../../domain/errors.ts';
import { messageStates } from '../../../domain/message.ts';
import { messageTypes } from '../../../domain/message-type.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { allOption } from './session-argument.ts';

export const messageCommand: CliCommand = {
  name: 'message',
  summary: 'Send, read and follow the messages of a session',
  details: [
    "TO is an agent's name or id, a role (all of its agents), 'lead', 'all' or 'user' (people and programs outside the team). TEXT is the message, or '-' for stdin.",
    'read takes the messages that wait for you. They are delivered again after --lease seconds unless you acknowledge them, with ack or at once with read --ack. wait returns with the first reply to a message, or with --delivery as soon as it is delivered.',
    'Inside an agent, its environment gives the session and the sender: send TO TEXT, read, list and search take no session.',
    'MESSAGE is an id, or an unambiguous part of its start or end.',
    'Exit status: 0 done, 3 not found, 4 the recipient or the session has ended or the message was not delivered, 5 a limit or the timeout was reached.',
  ].join('\n\n'),
  arguments: [
    {
      syntax: '<action>',
      description: 'send, read, ack, wait, list or search',
      choices: ['send', 'read', 'ack', 'wait', 'list', 'search'],
    },
    {
      syntax: '[words...]',
      description:
        'send [SESSION] TO TEXT|- · read [SESSION] · ack MESSAGE · wait MESSAGE · list [SESSION] · search WORDS',
    },
  ],
  options: [
    { flags: '--subject <text>', description: 'send: subject', kind: 'text' },
    {
      flags: '--type <type>',
      description:
        'send: request (a reply is expected), response or notification (default: notification; for a reply to a request, response)',
      kind: 'text',
      choices: messageTypes,
    },
    { flags: '--reply-to <message>', description: 'send: the message it answers', kind: 'text' },
    {
      flags: '--expires <seconds>',
      description: 'send: time after which it is no longer delivered',
      kind: 'number',
      range: [1, 31_536_000],
    },
    { flags: '--ack', description: 'read: acknowledge what is read', kind: 'flag' },
    {
      flags: '--lease <seconds>',
      description: 'read: time until an unacknowledged message is delivered again (default: 60)',
      kind: 'number',
      range: [1, 43_200],
    },
    {
      flags: '--wait <seconds>',
      description: 'read: how long to wait for a message (default: 0)',
      kind: 'number',
      range: [0, 86_400],
    },
    {
      flags: '--attempt <n>',
      description: 'ack: number of the delivery (default: the current one)',
      kind: 'integer',
      range: [1, 1_000],
    },
    { flags: '--delivery', description: 'wait: wait for the delivery, not for a reply', kind: 'flag' },
    {
      flags: '--timeout <seconds>',
      description: 'wait: timeout (default: none)',
      kind: 'number',
      range: [0, 2_000_000],
    },
    { flags: '--to <recipient>', description: 'list, search: only messages to this recipient', kind: 'text' },
    {
      flags: '--state <state>',
      description: 'list, search: only messages in this state',
      kind: 'text',
      choices: messageStates,
    },
    { flags: '--session <session>', description: 'search: only this session', kind: 'text' },
    {
      flags: '--limit <n>',
      description: 'read, list, search: maximum number (default: 20)',
      kind: 'integer',
      range: [1, 1_000],
    },
    allOption,
  ],
  examples: [
    { line: "maos message send tester 'Use port 8081.'", says: 'to one agent of the newest session' },
    { line: 'maos message wait msg_01K… --timeout 600', says: 'the reply to it' },
    { line: 'maos message read latest --ack', says: 'what agents wrote to you' },
  ],
  pages: ({ args: [action] }) => (action === 'list' || action === 'search' ? 'text' : null),
  async run(context) {
    const [action = '', ...words] = context.args;
    const actions = await import('../messages/actions.ts');
    const known: Readonly<
      Record<string, (context: CommandContext, words: readonly string[]) => Promise<number>>
    > = actions.messageActions;
    const act = Object.hasOwn(known, action) ? known[action] : undefined;
    if (act !== undefined) return act(context, words);
    throw new MaosError(
      'INVALID_INPUT',
      `Unknown action ${quote(action)}. Use send, read, ack, wait, list or search.`,
      { details: { command: 'message' } },
    );
  },
};
