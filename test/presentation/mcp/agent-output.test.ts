import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Workflow } from '../../../src/domain/workflow.ts';
import { agentRequest, planRequest } from '../../domain/samples.ts';
import { type Answer, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(async () => {
  await bench.close();
  assert.deepEqual(bench.errors, []);
});

function agentThatPrinted(backend: string, text: string): { agent_id: string; workflow: Workflow } {
  const command = backend === 'command' ? ['true'] : null;
  const workflow = bench.store(planRequest([agentRequest({ name: 'a', backend, command })]));
  bench.writeStdout(workflow, 'a', text);
  return { agent_id: workflow.agents[0]?.id as string, workflow };
}

async function allPages(args: Record<string, unknown>): Promise<{ text: string; pages: Answer[] }> {
  const pages: Answer[] = [];
  let cursor: unknown;
  for (;;) {
    const page = await bench.ask('agent-output', { ...args, ...(cursor === undefined ? {} : { cursor }) });
    pages.push(page);
    assert.notEqual(page.next_cursor, cursor, 'the cursor must move on');
    if (page.at_end === true) return { text: pages.map(({ text }) => text).join(''), pages };
    cursor = page.next_cursor;
  }
}

/** Claude Code's output for one message. */
function assistant(text: string): string {
  return `${JSON.stringify({ type: 'assistant', message: { role: 'assistant', content: [{ type: 'text', text }] } })}\n`;
}

describe('agent-output', () => {
  it('pages through plain output without losing or repeating anything', async () => {
    const printed = Array.from(
      { length: 2_000 },
      (_, index) => `line ${index} "quoted" \\ ${'x'.repeat(index % 80)}\n`,
    ).join('');
    const { agent_id } = agentThatPrinted('command', printed);
    for (const stream of ['readable', 'stdout']) {
      const { text, pages } = await allPages({ agent_id, stream });
      assert.ok(text === printed, `${text.length} of ${printed.length} characters`);
      assert.ok(pages.length > 5);
      for (const page of pages.slice(0, -1))
        assert.ok(String(page.text).length > 1_000, 'a page ought to be filled');
    }
  });

  it('pages through one message that is much longer than a page', async () => {
    const report = Array.from({ length: 3_000 }, (_, index) => `Satz ${index} mit 漢字 und 😀.`).join('\n');
    const { agent_id } = agentThatPrinted(
      'claude',
      assistant('before') + assistant(report) + assistant('after'),
    );
    const { text, pages } = await allPages({ agent_id });
    assert.ok(text === `before\n${report}\nafter\n`, `${text.length} characters for ${report.length}`);
    assert.ok(pages.length > 10);
  });

  it('gives the last lines', async () => {
    const printed = Array.from({ length: 5_000 }, (_, index) => `line ${index}\n`).join('');
    const { agent_id } = agentThatPrinted('command', printed);
    const tail = await bench.ask('agent-output', { agent_id, tail_lines: 2 });
    assert.equal(tail.text, 'line 4998\nline 4999\n');
    assert.equal(tail.at_end, true);
    const more = await bench.ask('agent-output', { agent_id, cursor: tail.next_cursor });
    assert.equal(more.text, '');
  });

  it('says so when the last lines do not fit, and gives their end', async () => {
    const { agent_id } = agentThatPrinted('command', `${`${'漢'.repeat(300)}\n`.repeat(100)}the end\n`);
    const tail = await bench.ask('agent-output', { agent_id, tail_lines: 100 });
    assert.match(String(tail.summary), /too long for one answer/);
    assert.match(String(tail.text), /漢\nthe end\n$/);
  });

  it('stays under the limit whatever is printed', async () => {
    for (const piece of ['"', '\\', '\u0001', '\t', '漢', '😀', '\ufffd', '\u2028']) {
      const { agent_id } = agentThatPrinted('command', piece.repeat(30_000));
      await allPages({ agent_id, stream: 'stdout' });
      await bench.ask('agent-output', { agent_id, tail_lines: 1_000 });
    }
  });

  it('takes the name of an agent in the newest session before parts of ids', async () => {
    bench.writeStdout(bench.store(planRequest([agentRequest({ name: 'named' })])), 'named', 'older\n');
    const { workflow } = agentThatPrinted('command', 'newest\n');
    assert.equal((await bench.ask('agent-output', { agent_id: 'a' })).text, 'newest\n');
    assert.equal((await bench.ask('agent-output', { agent_id: 'a' })).agent_id, workflow.agents[0]?.id);
    assert.match(await bench.refusal('agent-output', { agent_id: 'named' }), /^AGENT_NOT_FOUND/);
  });

  it('answers for an agent that has printed nothing', async () => {
    const workflow = bench.store(planRequest([agentRequest({ name: 'a' })]));
    const answer = await bench.ask('agent-output', { agent_id: workflow.agents[0]?.id, stream: 'stderr' });
    assert.deepEqual([answer.text, answer.at_end, answer.state], ['', true, 'pending']);
  });

  it('refuses what it cannot do', async () => {
    const { agent_id } = agentThatPrinted('command', 'x\n');
    assert.match(await bench.refusal('agent-output', { agent_id: 'nobody' }), /^AGENT_NOT_FOUND: /);
    assert.match(await bench.refusal('agent-output', { agent_id, cursor: '-1' }), /^INVALID_INPUT: .*cursor/);
    assert.match(
      await bench.refusal('agent-output', { agent_id, cursor: '0', tail_lines: 1 }),
      /^INVALID_INPUT: .*not both/,
    );
    assert.match(
      await bench.refusal('agent-output', { agent_id, stream: 'stdin' }),
      /^INVALID_INPUT: .*stream/,
    );
  });
});
