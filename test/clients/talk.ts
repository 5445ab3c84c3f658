import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { installClaudeCode } from '../helpers/claude-code.ts';
import { claudeDriver } from './agent-client-drivers.ts';
import type { Asked, BackendDriver, Said } from './backend-cases.ts';
import { codexDriver } from './codex-driver.ts';
import { makeMoment, makeWorkplace, type Workplace } from './workplace.ts';

/*
 * A Claude Code and a Codex settle an interface by messages, and the Codex asks the user a question. Claude Code reads
 * the reply in the middle of its turn; Codex finds its messages in the answers of its team's tools.
 */

export const proposal = 'POST /login takes a user and a password, and answers 204. Does that suit you?';
export const reply = 'It does, if a wrong password answers 401.';
export const consent = 'Agreed: 401.';
export const question = 'On which port does the client call it?';
const choices = ['3000', '8080'];
export const results = {
  server: 'POST /login is built.',
  client: 'The client calls POST /login on port 8080.',
};

export type Name = keyof typeof results;

const plan = {
  objective: 'Have a login.',
  strategy: 'parallel',
  agents: [
    { name: 'server', role: 'backend_engineer', backend: 'claude', task: 'Build the server.' },
    { name: 'client', role: 'frontend_engineer', backend: 'codex', task: 'Build the client.' },
  ],
};

const drivers: Readonly<Record<Name, BackendDriver>> = {
  server: { ...claudeDriver, install: () => installClaudeCode() },
  client: codexDriver,
};

export interface Talk extends Workplace {
  /** What the model of each agent was asked, in order. */
  readonly asked: Readonly<Record<Name, readonly Asked[]>>;
}

/** Both CLIs in a workplace, with models that hold the conversation. */
export async function makeTalk(t: TestContext): Promise<Talk> {
  const asked: Record<Name, Asked[]> = { server: [], client: [] };
  const ready = makeMoment('the first request of client', 180_000);
  const sent = makeMoment('the first message of server', 180_000);
  const says: Readonly<Record<Name, (request: Asked) => Said | Promise<Said>>> = {
    async server(request) {
      await ready.came;
      switch (request.commands) {
        case 0:
          return call(request, 'send_message', { to: 'client', text: proposal, needs_reply: true });
        case 1:
          sent.arrive();
          return { command: 'until [ -e go ]; do sleep 0.1; done' };
        case 2: {
          const reply_to = idOf(request, reply);
          return call(request, 'send_message', { to: 'client', text: consent, reply_to });
        }
        default:
          return { text: results.server };
      }
    },
    async client(request) {
      ready.arrive();
      await sent.came;
      switch (request.commands) {
        case 0:
          return call(request, 'report', { text: 'The form is there.' });
        case 1: {
          const reply_to = idOf(request, proposal);
          return call(request, 'send_message', { to: 'server', text: reply, reply_to });
        }
        case 2:
          return call(request, 'ask', { question, choices });
        default:
          return { text: results.client };
      }
    },
  };
  const places = await Promise.all(
    (['server', 'client'] as const).map(async (name) => {
      const driver = drivers[name];
      const respond = (request: Asked) => {
        asked[name].push(request);
        return says[name](request);
      };
      const [program, model] = await Promise.all([driver.install(), driver.startModel(respond)]);
      t.after(model.close);
      return { driver, program, url: model.url };
    }),
  );
  const workplace = await makeWorkplace(t, {
    settings: { backends: { claude: { allowedTools: ['Bash'] } } },
    env: (home) =>
      Object.assign(
        {},
        ...places.map(({ driver, program, url }) => ({
          ...driver.env(home, url),
          [driver.pathVariable]: program,
        })),
      ),
  });
  for (const { driver, url } of places) await driver.setUp?.(workplace.home, url);
  writeFileSync(join(workplace.project, 'plan.json'), JSON.stringify(plan));
  return { ...workplace, asked };
}

/** A call of a tool of the team's server, whatever its CLI calls it. */
function call({ tools }: Asked, name: string, args: Readonly<Record<string, unknown>>): Said {
  const calls = tools.find((one) => one.includes('maos') && one.endsWith(name));
  return { calls: calls ?? assert.fail(`no ${name} among ${tools}`), arguments: args };
}

/** The id of the message with this text, as its recipient's model finds it. */
function idOf({ text }: Asked, body: string): string {
  const found = text
    .slice(0, Math.max(0, text.indexOf(body)))
    .match(/msg_[0-9A-Z]{26}/g)
    ?.at(-1);
  return found ?? assert.fail(`no message '${body}' in: ${text}`);
}
