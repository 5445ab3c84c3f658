import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { renderMessage } from '../../../src/application/messaging/render-message.ts';
import type { AgentActivity, OutputParser } from '../../../src/application/ports/backend.ts';
import type { MessageId } from '../../../src/domain/ids.ts';
import { AgentClientParser } from '../../../src/infrastructure/backends/agent-client/output.ts';
import { ClaudeOutputParser } from '../../../src/infrastructure/backends/claude/output.ts';
import { CodexOutputParser } from '../../../src/infrastructure/backends/codex/output.ts';
import { CopilotOutputParser } from '../../../src/infrastructure/backends/copilot/output.ts';
import { GeminiOutputParser } from '../../../src/infrastructure/backends/gemini/output.ts';
import { OpencodeOutputParser } from '../../../src/infrastructure/backends/opencode/output.ts';
import { QwenOutputParser } from '../../../src/infrastructure/backends/qwen/output.ts';

const id = 'msg_01M8EX5PWA42GVBNBR98M0ANWT' as MessageId;
const other = 'msg_01M8EX5PWA42GVBNBR98M0ANWV' as MessageId;

function rendered(message: MessageId, body: string): string {
  const reader = { reach: 'tools', promptEscape: null } as const;
  return renderMessage({ id: message, type: 'notification', subject: '', body }, null, reader);
}

/** Longer than what is kept of a result, so that both must be found before the text is cut. */
const result = `Reported.\n\n${rendered(id, 'x'.repeat(6_000))}\n\n${rendered(other, 'Use port 81.')}`;

interface Shape {
  readonly parser: () => OutputParser;
  /** The tool `report` of the team's server, as the CLI names it. */
  readonly team: string;
  /** Tools that are not the team's, however similar their names are. */
  readonly others: readonly string[];
  /** The lines of a call and its result, as the CLI prints them. */
  lines(tool: string, text: string): readonly object[];
  /** What the model says. */
  says(text: string): object;
}

const stream: Pick<Shape, 'team' | 'others' | 'says'> = {
  team: 'mcp__maos-team__report',
  others: ['Bash', 'mcp__maos__report', 'mcp__maos-team2__report', 'maos-team__report'],
  says: (text) => ({
    type: 'assistant',
    message: { id: 'm2', content: [{ type: 'text', text }], usage: {} },
  }),
};

const used = (name: string) => ({
  type: 'assistant',
  message: { id: 'm1', content: [{ type: 'tool_use', id: 'call_1', name, input: { text: 'x' } }], usage: {} },
});
const resulted = (content: unknown) => ({
  type: 'user',
  message: { role: 'user', content: [{ tool_use_id: 'call_1', type: 'tool_result', content }] },
});

const shapes: Readonly<Record<string, Shape>> = {
  'Claude Code': {
    ...stream,
    parser: () => new ClaudeOutputParser(),
    lines: (tool, text) => [used(tool), resulted([{ type: 'text', text }])],
  },
  'Qwen Code': {
    ...stream,
    parser: () => new QwenOutputParser(),
    lines: (tool, text) => [used(tool), resulted(text)],
  },
  Codex: {
    parser: () => new CodexOutputParser(),
    team: 'maos-team',
    others: ['maos', 'maos-team2', ''],
    lines(server, text) {
      const item = { id: 'item_1', type: 'mcp_tool_call', server, tool: 'report', arguments: { text: 'x' } };
      const told = { content: [{ type: 'text', text }], structured_content: null };
      return [
        { type: 'item.started', item: { ...item, result: null, status: 'in_progress' } },
        { type: 'item.completed', item: { ...item, result: told, error: null, status: 'completed' } },
      ];
    },
    says: (text) => ({ type: 'item.completed', item: { id: 'item_2', type: 'agent_message', text } }),
  },
  'Gemini CLI': {
    parser: () => new GeminiOutputParser(),
    team: 'mcp_maos-team_report',
    others: ['run_shell_command', 'mcp_maos_report', 'maos-team_report'],
    lines: (tool_name, output) => [
      { type: 'tool_use', tool_name, tool_id: 'call_1', parameters: { text: 'x' } },
      { type: 'tool_result', tool_id: 'call_1', status: 'success', output },
    ],
    says: (content) => ({ type: 'message', role: 'assistant', content, delta: true }),
  },
  opencode: {
    parser: () => new OpencodeOutputParser(),
    team: 'maos-team_report',
    others: ['bash', 'maos_report', 'maos-team2_report'],
    lines: (tool, output) => [
      {
        type: 'tool_use',
        part: { type: 'tool', tool, callID: 'call_1', state: { status: 'completed', input: {}, output } },
      },
    ],
    says: (text) => ({ type: 'text', part: { type: 'text', text } }),
  },
  'Copilot CLI': {
    parser: () => new CopilotOutputParser(undefined),
    team: 'maos-team',
    others: ['maos', ''],
    lines: (mcpServerName, content) => [
      {
        type: 'tool.execution_start',
        data: { toolCallId: 'call_1', toolName: 'maos-team-report', arguments: {}, mcpServerName },
      },
      { type: 'tool.execution_complete', data: { toolCallId: 'call_1', success: true, result: { content } } },
    ],
    says: (content) => ({ type: 'assistant.message', data: { content, toolRequests: [] } }),
  },
};

function received(parser: OutputParser, lines: readonly object[]): readonly AgentActivity[] {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const activities = [...parser.push(Buffer.from(text)), ...parser.end()];
  return activities.filter(({ type }) => type === 'received');
}

suite("messages in the results of the team's server", () => {
  for (const [name, { parser, team, others, lines, says }] of Object.entries(shapes)) {
    test(`${name} shows them`, () => {
      assert.deepEqual(received(parser(), lines(team, result)), [
        { type: 'received', entry: id, via: 'tool' },
        { type: 'received', entry: other, via: 'tool' },
      ]);
      assert.deepEqual(received(parser(), lines(team, `Reported.\n> Message ${id} from the user.`)), []);
    });

    test(`${name}: what other tools print, or the agent says, is no evidence`, () => {
      for (const tool of others) assert.deepEqual(received(parser(), lines(tool, result)), [], tool);
      assert.deepEqual(received(parser(), [says(result)]), []);
      // A second result of the same call is not from the server.
      const [call = {}, told] = lines(team, result);
      if (told === undefined || name === 'Codex') return;
      assert.equal(received(parser(), [call, told, told]).length, 2);
      assert.deepEqual(received(parser(), [told]), []);
    });
  }

  test('programs of the Agent Client Protocol do not tell the server of a tool', () => {
    const update = {
      ...{ sessionUpdate: 'tool_call_update', toolCallId: 'call_1', status: 'completed' },
      content: [{ type: 'content', content: { type: 'text', text: result } }],
      title: 'mcp__maos-team__report',
    };
    const message = { jsonrpc: '2.0', method: 'session/update', params: { sessionId: 's', update } };
    assert.deepEqual(received(new AgentClientParser(), [{ type: 'received', message }]), []);
  });
});
