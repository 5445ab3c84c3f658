import assert from 'node:assert/strict';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  type Step,
  type StepsPage,
  type StepsRequest,
  stepsBefore,
  stepsFrom,
} from '../../../src/application/queries/agent-steps.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import { agentWithOutput } from '../../helpers/agent-with-output.ts';
import { lacksProcesses } from '../../helpers/real-project.ts';

const esc = String.fromCharCode(27);

function assistant(...content: readonly object[]): string {
  return `${JSON.stringify({ type: 'assistant', message: { id: 'm', content } })}\n`;
}

const text = (words: string) => assistant({ type: 'text', text: words });
const tool = (command: string) => assistant({ type: 'tool_use', id: 't', name: 'Bash', input: { command } });
const toolResult = (content: string, is_error = false) =>
  `${JSON.stringify({ type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: 't', content, is_error }] } })}\n`;
const result = (words: string) =>
  `${JSON.stringify({ type: 'result', subtype: 'success', is_error: false, result: words })}\n`;

/** An agent that has run, with output that the test writes. */
async function bench(t: TestContext, overrides: Partial<Agent> = {}) {
  const made = await agentWithOutput(t, overrides);
  const { real, agent, folder } = made;
  const request: StepsRequest = { agent, stream: 'stdout', attempt: null, limit: 100 };
  return {
    ...made,
    request,
    begin: (attempt: number, stdoutFrom: number) =>
      writeFile(join(folder, `launch.${attempt}`), JSON.stringify({ pid: 1, stdoutFrom, stderrFrom: 0 })),
    from: (cursor: string | null, more: Partial<StepsRequest> = {}) =>
      stepsFrom(real.project, { ...request, ...more }, cursor),
    before: (cursor: string | null, more: Partial<StepsRequest> = {}) =>
      stepsBefore(real.project, { ...request, ...more }, cursor),
  };
}

type Bench = Awaited<ReturnType<typeof bench>>;

async function allForward({ from }: Bench, more: Partial<StepsRequest> = {}): Promise<readonly Step[]> {
  const steps: Step[] = [];
  for (let page = await from(null, more); ; ) {
    steps.push(...page.steps);
    if (page.atEnd) return steps;
    const next: StepsPage = await from(page.nextCursor, more);
    assert.notEqual(next.nextCursor, page.nextCursor, 'a page without progress');
    page = next;
  }
}

async function allBackward({ before }: Bench, more: Partial<StepsRequest> = {}): Promise<readonly Step[]> {
  const pages: (readonly Step[])[] = [];
  for (let cursor: string | null = null; ; ) {
    const page: StepsPage = await before(cursor, more);
    pages.unshift(page.steps);
    if (page.previousCursor === null) return pages.flat();
    assert.notEqual(page.previousCursor, cursor, 'a page without progress');
    cursor = page.previousCursor;
  }
}

function brief({ kind, text: words, tool: name, isError }: Step) {
  return `${kind}${name === undefined ? '' : ` ${name}`}${isError === true ? '!' : ''}: ${words}`;
}

describe('the steps of an agent', { concurrency: false }, () => {
  it('are what its CLI said and did, in order', async (t) => {
    if (lacksProcesses(t, 'writes the files of a process')) return;
    const one = await bench(t, { backend: 'claude' });
    const script = '<script>alert(1)</script>';
    await writeFile(
      one.stdout,
      text(`${esc}[31mRed${esc}[0m ${script}`) +
        tool('npm test') +
        toolResult('2 failed', true) +
        toolResult('fine') +
        'not JSON\n' +
        result('Done.'),
    );
    const page = await one.from(null);
    assert.deepEqual(page.steps.map(brief), [
      `text: Red ${script}`,
      'tool Bash: npm test',
      'result!: 2 failed',
      'result: fine',
      'notice: not JSON',
      'result: Done.',
    ]);
    assert.equal(page.steps.at(-1)?.title, 'Final result');
    assert.ok(page.atEnd);
    assert.equal(page.previousCursor, null);
    assert.ok(page.steps.every(({ seq }, index) => index === 0 || seq > (page.steps[index - 1]?.seq ?? 0)));
  });

  it('are the same forward and backward, in pages of any size, in the middle of a record too', async (t) => {
    if (lacksProcesses(t, 'writes the files of a process')) return;
    const one = await bench(t, { backend: 'claude', attempt: 3 });
    const many = assistant(
      ...Array.from({ length: 7 }, (_, index) => ({ type: 'text', text: `part ${index}` })),
    );
    const first = text('first') + many + tool('ls');
    // An attempt that was killed within a record, and one that has printed nothing yet.
    const second = `${text('second')}{"type":"assis`;
    const all = first + second;
    await writeFile(one.stdout, all);
    await one.begin(1, 0);
    await one.begin(2, first.length);
    await one.begin(3, all.length);
    const expected = [
      'attempt: ',
      'text: first',
      ...Array.from({ length: 7 }, (_, index) => `text: part ${index}`),
      'tool Bash: ls',
      'attempt: ',
      'text: second',
      'notice: {"type":"assis',
      'attempt: ',
    ];
    for (const limit of [1, 2, 3, 5, 100]) {
      const forward = await allForward(one, { limit });
      assert.deepEqual(forward.map(brief), expected, String(limit));
      assert.deepEqual(await allBackward(one, { limit }), forward, String(limit));
    }
    assert.deepEqual((await allForward(one, { attempt: 2 })).map(brief), [
      'text: second',
      'notice: {"type":"assis',
    ]);
    assert.deepEqual((await allBackward(one, { attempt: 1, limit: 4 })).map(brief), expected.slice(1, 10));
    await assert.rejects(one.from(null, { attempt: 4 }), /no output of attempt 4: its attempts are 1 to 3/);
    await assert.rejects(one.from('x'), { code: 'INVALID_INPUT' });
  });

  it('go on where the last page ended, when more is written', async (t) => {
    if (lacksProcesses(t, 'writes the files of a process')) return;
    const one = await bench(t, { backend: 'claude', state: 'running' });
    await writeFile(one.stdout, text('one') + text('two').slice(0, 20));
    const page = await one.before(null);
    assert.deepEqual(page.steps.map(brief), ['text: one']);
    assert.ok(page.atEnd);
    await appendFile(one.stdout, text('two').slice(20) + text('three'));
    const next = await one.from(page.nextCursor);
    assert.deepEqual(next.steps.map(brief), ['text: two', 'text: three']);
    await appendFile(one.stdout, text('four').slice(0, 9));
    assert.deepEqual((await one.from(next.nextCursor)).steps, []);
    assert.equal((await one.from(next.nextCursor)).nextCursor, next.nextCursor);
    const empty = await bench(t, { backend: 'claude', state: 'running' });
    await writeFile(empty.stdout, '{"type":');
    assert.deepEqual(await empty.before(null), {
      ...{ steps: [], nextCursor: '0', previousCursor: null, atEnd: true },
    });
  });

  it('join the lines of a plain program to blocks', async (t) => {
    if (lacksProcesses(t, 'writes the files of a process')) return;
    const one = await bench(t);
    const printed = Array.from({ length: 5_000 }, (_, index) => `line ${index}\n`).join('');
    await writeFile(one.stdout, printed);
    await writeFile(one.stderr, `${esc}[1mwarning${esc}[0m\n10 %\r99 %\rdone\n`);
    const forward = await allForward(one, { limit: 3 });
    assert.equal(forward.map(({ text: words }) => words).join(''), printed);
    assert.ok(forward.length < 12 && forward.every(({ kind }) => kind === 'text'));
    const backward = await allBackward(one, { limit: 3 });
    assert.equal(backward.map(({ text: words }) => words).join(''), printed);
    assert.deepEqual((await one.from(null, { stream: 'stderr' })).steps.map(brief), [
      'stderr: warning\ndone\n',
    ]);
  });

  it('are bounded, whatever the length of lines and texts', async (t) => {
    if (lacksProcesses(t, 'writes the files of a process')) return;
    const one = await bench(t, { backend: 'claude' });
    const long = 'y'.repeat(3_000_000);
    const tenMb = text('z'.repeat(10_000_000));
    await writeFile(
      one.stdout,
      text('before') + text(long) + tenMb + text('between') + tenMb + text('after'),
    );
    const forward = await allForward(one);
    assert.deepEqual(
      forward.map(({ kind, text: words, truncated }) => [kind, words.length, truncated]),
      [
        ['text', 6, undefined],
        ['text', 64 * 1024, true],
        ['notice', 33, undefined],
        ['text', 7, undefined],
        ['notice', 33, undefined],
        ['text', 5, undefined],
      ],
    );
    assert.deepEqual(await allBackward(one, { limit: 2 }), forward);
    await writeFile(one.stdout, Array.from({ length: 20 }, () => text('x'.repeat(60_000))).join(''));
    const page = await one.from(null);
    assert.deepEqual([page.steps.length, page.atEnd], [4, false]);
    assert.equal((await allBackward(one)).length, 20);
    const plain = await bench(t);
    await writeFile(plain.stdout, 'é'.repeat(5_000_000));
    const parts = await allForward(plain);
    assert.equal(parts.map(({ text: words }) => words).join(''), 'é'.repeat(5_000_000));
    assert.ok(parts.every(({ text: words }) => words.length <= 64 * 1024));
  });
});
