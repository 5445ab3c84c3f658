import assert from 'node:assert/strict';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { describe, it, type TestContext } from 'node:test';
import {
  type OutputRequest,
  type OutputSlice,
  plainText,
  readAgentOutput,
  renderActivity,
} from '../../../src/application/queries/agent-output.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import { agentWithOutput } from '../../helpers/agent-with-output.ts';

const esc = String.fromCharCode(27);

/** An agent that has run, with output that the test writes. */
async function bench(t: TestContext, overrides: Partial<Agent> = {}) {
  const made = await agentWithOutput(t, overrides);
  const { real, agent } = made;
  const read = (request: Partial<OutputRequest> = {}): Promise<OutputSlice> =>
    readAgentOutput(real.project, {
      agent,
      view: 'stdout',
      tailLines: null,
      cursor: null,
      maxChars: 1_000,
      ...request,
    });
  /** Every page, to the end. */
  const pages = async (request: Partial<OutputRequest> = {}): Promise<OutputSlice[]> => {
    const all: OutputSlice[] = [];
    for (let cursor: string | null = null; ; ) {
      const page = await read({ ...request, cursor });
      all.push(page);
      if (page.atEnd) return all;
      assert.notEqual(page.cursor, cursor, 'a page without progress');
      cursor = page.cursor;
    }
  };
  return { ...made, read, pages };
}

describe('a page of output', () => {
  it('holds whole lines, and its cursor leads to the next', async (t) => {
    const { stdout, pages } = await bench(t);
    const text = Array.from({ length: 100 }, (_, i) => `line ${i} ${'x'.repeat(i % 17)}\n`).join('');
    await writeFile(stdout, text);
    const all = await pages({ maxChars: 50 });
    assert.ok(all.length > 20);
    for (const page of all) assert.ok(page.text.length <= 50 && /(^|\n)$/.test(page.text), page.text);
    assert.equal(all.map((page) => page.text).join(''), text);
  });

  it('cuts a line without end into pieces, but no character in two', async (t) => {
    const { stdout, pages } = await bench(t);
    const text = 'aé語😀'.repeat(20_000);
    await writeFile(stdout, text);
    for (const maxChars of [1_001, 100_000]) {
      const all = await pages({ maxChars });
      assert.ok(all.every((page) => page.text.length <= maxChars));
      assert.equal(all.map((page) => page.text).join(''), text);
    }
    await writeFile(stdout, '😀'.repeat(5));
    assert.equal((await pages({ maxChars: 1 })).map((page) => page.text).join(''), '😀'.repeat(5));
  });

  it('shows binary as text that harms nobody, or as it came, and comes to its end', async (t) => {
    const { stdout, pages } = await bench(t);
    const binary = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7_919) % 256));
    await writeFile(stdout, binary);
    const textOf = async (view: 'stdout' | 'readable'): Promise<string> =>
      (await pages({ view, maxChars: 5_000 })).map((page) => page.text).join('');
    const readable = await textOf('readable');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    assert.doesNotMatch(readable, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    assert.ok(readable.length > 50_000);
    // Invalid UTF-8 is shown as the replacement character.
    const asItCame = (text: string): string => text.replaceAll('\ufffd', '');
    assert.ok(asItCame(await textOf('stdout')) === asItCame(binary.toString()), 'something is missing');
  });

  it('of a file that is missing or has been read to its end is empty', async (t) => {
    const { agent, read, stderr } = await bench(t);
    assert.deepEqual(await read({ agent: { ...agent, attempt: 1 }, view: 'stdout' }), {
      text: '',
      cursor: '0',
      atEnd: true,
    });
    await writeFile(stderr, 'abc\n');
    const first = await read({ view: 'stderr' });
    assert.deepEqual(first, { text: 'abc\n', cursor: '4', atEnd: true });
    assert.deepEqual(await read({ view: 'stderr', cursor: '4' }), { text: '', cursor: '4', atEnd: true });
    assert.deepEqual((await read({ view: 'stderr', cursor: '999' })).text, '');
  });

  it('is refused for a cursor that is none', async (t) => {
    const { read } = await bench(t);
    for (const cursor of ['', 'x', '-1', '1.5', '1+', '1+x', '../1', '9'.repeat(16)]) {
      await assert.rejects(read({ cursor }), {
        code: 'INVALID_INPUT',
        message: /Invalid cursor/,
      });
    }
  });
});

describe('output that still grows', () => {
  it('as it came shows what there is, but no half character', async (t) => {
    const { stdout, read } = await bench(t, { state: 'running' });
    const bytes = Buffer.from('prompt é');
    await writeFile(stdout, bytes.subarray(0, -1));
    const first = await read();
    assert.deepEqual(first, { text: 'prompt ', cursor: '7', atEnd: true });
    await appendFile(stdout, bytes.subarray(-1));
    assert.equal((await read({ cursor: first.cursor })).text, 'é');
  });

  it('made readable shows what stands last of a line that was written over, however long', async (t) => {
    const { read, pages, stdout, stderr } = await bench(t);
    const bar = 'x'.repeat(10_000);
    const steps = Array.from({ length: 30 }, (_, step) => `${bar} ${step} %`);
    await writeFile(stdout, `short\rlonger\r\n${steps.join('\r')}\rdone\n\r\rend\r`);
    assert.equal((await read({ view: 'readable' })).text, 'longer\ndone\nend\n');
    const chunks = (await pages({ view: 'readable', maxChars: 100 })).map(({ text }) => text);
    assert.match(chunks.join(''), /done\nend\n$/);
    const colours = { view: 'readable', keepsColours: true } as const;
    await writeFile(stderr, `${esc}[31mred${esc}[0m${esc}[2J\n`);
    assert.equal((await read({ ...colours, stream: 'stderr' })).text, `${esc}[31mred${esc}[0m\n`);
  });

  it('made readable waits for the rest of a line', async (t) => {
    const { agent, stdout, read } = await bench(t, { state: 'running' });
    await writeFile(stdout, 'whole\nha');
    const first = await read({ view: 'readable' });
    assert.deepEqual(first, { text: 'whole\n', cursor: '6', atEnd: true });
    assert.deepEqual((await read({ view: 'readable', cursor: '6' })).text, '');
    await appendFile(stdout, 'lf\n');
    assert.equal((await read({ view: 'readable', cursor: '6' })).text, 'half\n');
    await appendFile(stdout, 'last words');
    assert.equal((await read({ view: 'readable', cursor: '11' })).text, '');
    const ended: Agent = { ...agent, state: 'completed' };
    assert.equal((await read({ agent: ended, view: 'readable', cursor: '11' })).text, 'last words\n');
  });

  it('has a tail from where one can go on', async (t) => {
    const { stdout, read } = await bench(t, { state: 'running' });
    await writeFile(stdout, 'one\ntwo\nthr');
    const tail = await read({ view: 'readable', tailLines: 5 });
    assert.deepEqual(tail, { text: 'one\ntwo\n', cursor: '8', atEnd: true });
    await appendFile(stdout, 'ee\n');
    assert.equal((await read({ view: 'readable', cursor: tail.cursor })).text, 'three\n');
  });
});

describe('the last lines', () => {
  it('are as many as asked for', async (t) => {
    const { stdout, read } = await bench(t);
    await writeFile(stdout, Array.from({ length: 30_000 }, (_, i) => `line ${i}\n`).join(''));
    assert.equal((await read({ tailLines: 2 })).text, 'line 29998\nline 29999\n');
    assert.equal((await read({ tailLines: 0 })).text, '');
    const many = await read({ tailLines: 20_000, maxChars: 1e6 });
    assert.equal(many.text.split('\n').length, 20_001);
    assert.ok(many.text.startsWith('line 10000\n'));
    assert.equal((await read({ tailLines: 20_000, maxChars: 100 })).text.length, 101);
    const { cursor, atEnd } = await read({ tailLines: 1 });
    assert.deepEqual([cursor, atEnd], [String((await readFile(stdout)).length), true]);
  });

  it('of one endless line are its end', async (t) => {
    const { stdout, read } = await bench(t);
    await writeFile(stdout, `${'x'.repeat(5_000_000)}end`);
    const { text } = await read({ tailLines: 3, maxChars: 10 });
    assert.equal(text, 'xxxxxxxend\n');
  });
});

describe('text for a terminal', () => {
  it('is free of whatever could steer it', () => {
    assert.equal(
      plainText(`${esc}[31mred${esc}[0m ${esc}]0;title\u0007x\r\n\ty\u0000\u0008\u009b2J`),
      'red x\n\ty2J',
    );
    assert.equal(plainText(`${esc}]8;;http://evil${esc}\\link`), 'link');
    assert.equal(plainText('é語😀'), 'é語😀');
  });

  it('shows what kind of activity it was', () => {
    assert.equal(renderActivity({ type: 'text', text: 'a\nb\n' }), 'a\nb\n');
    assert.equal(renderActivity({ type: 'notice', text: 'a\nb' }), '! a\n  b\n');
    assert.equal(renderActivity({ type: 'tool_use', tool: 'Bash', detail: `ls ${esc}[2J` }), '> Bash: ls\n');
    assert.equal(renderActivity({ type: 'tool_use', tool: 'Bash', detail: '' }), '> Bash\n');
    assert.equal(renderActivity({ type: 'tool_result', ok: true, text: 'x' }), '');
    assert.equal(renderActivity({ type: 'tool_result', ok: false, text: 'x' }), 'x x\n');
    const received = { type: 'received', entry: 'msg_01K00000000000000000000000', text: 'a\nb' } as const;
    assert.equal(renderActivity(received), '< a\n  b\n');
    assert.equal(renderActivity({ type: 'received', entry: 'prompt' }), '');
    assert.equal(renderActivity({ type: 'result', ok: true, text: 'x' }), '');
    assert.equal(renderActivity({ type: 'result', ok: false, text: ' ' }), '');
  });
});

describe("a CLI's JSON lines made readable", () => {
  const say = (text: string) =>
    `${JSON.stringify({ type: 'assistant', message: { id: 'm', content: [{ type: 'text', text }] } })}\n`;

  it('are paged by what they say, however long', async (t) => {
    const { stdout, pages } = await bench(t, { backend: 'claude' });
    const long = `${'word 😀 '.repeat(3_000)}end`;
    await writeFile(stdout, say('first') + say(long) + say('last'));
    const all = await pages({ view: 'readable', maxChars: 999 });
    assert.ok(all.every((page) => page.text.length <= 999 && page.text.isWellFormed()));
    assert.equal(all.map((page) => page.text).join(''), `first\n${long}\nlast\n`);
  });

  it('are passed over with a note where a line is too long to be read', async (t) => {
    const { stdout, pages } = await bench(t, { backend: 'claude' });
    await writeFile(stdout, say('before') + say('x'.repeat(9_000_000)) + say('after'));
    const all = await pages({ view: 'readable' });
    assert.equal(
      all.map((page) => page.text).join(''),
      'before\n! Skipped a line longer than 4 MiB.\nafter\n',
    );
  });
});
