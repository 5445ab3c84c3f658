import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { cpuTimeMs, residentMb } from '../../bench/machine.ts';
import { type GarbageLine, garbage, inPieces } from '../helpers/garbage.ts';
import { LineClient } from '../helpers/line-client.ts';
import { seed } from '../helpers/seed.ts';
import { giveTimeTo } from '../helpers/waiting.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

let folder: MaosFolder;
const clients: LineClient[] = [];
before(async () => {
  folder = await MaosFolder.make();
});
after(async () => {
  for (const { child } of clients) if (child.exitCode === null) child.kill('SIGKILL');
  await folder.remove();
});

/** Longer than any line may be. */
const endless: GarbageLine = { kind: 'twenty megabytes', bytes: Buffer.from(`${'x'.repeat(20_000_000)}\n`) };

/** A server with little memory: what it holds on to for good ends it, or can be told from what it just uses. */
function start(): LineClient {
  const client = new LineClient(folder, { NODE_OPTIONS: '--max-old-space-size=64 --max-semi-space-size=1' });
  clients.push(client);
  return client;
}

/** Sends the lines and waits until every request among them is answered. @returns what is due to each id */
async function feed(client: LineClient, lines: readonly GarbageLine[]): Promise<Map<unknown, GarbageLine[]>> {
  for (const piece of inPieces(seed, lines)) await client.write(piece);
  return answersTo(client, lines);
}

async function answersTo(
  client: LineClient,
  lines: readonly GarbageLine[],
): Promise<Map<unknown, GarbageLine[]>> {
  const due = Map.groupBy(
    lines.filter(({ id }) => id !== undefined),
    ({ id }) => id,
  );
  // Lines are read in their order: when this is answered, all of them were.
  await client.request('ping');
  await client.until(() =>
    [...due].every(([id, { length }]) => (client.answers.get(id)?.length ?? 0) >= length),
  );
  return due;
}

function assertAnswered(client: LineClient, due: Map<unknown, GarbageLine[]>): void {
  for (const [id, lines] of due) {
    const answers = client.answers.get(id) ?? [];
    const kinds = lines.map(({ kind }) => kind).join(', ');
    assert.equal(answers.length, lines.length, `${id}: ${kinds}: ${JSON.stringify(answers).slice(0, 2_000)}`);
    const codes = answers.map(({ error }) => error?.code);
    for (const { kind, code } of lines) {
      if (code !== undefined)
        assert.ok(codes.includes(code), `${id}: ${kind}: ${JSON.stringify(answers).slice(0, 2_000)}`);
    }
  }
}

async function assertSound(client: LineClient): Promise<void> {
  const { result: listed } = await client.request('tools/list');
  assert.match(JSON.stringify(listed), /"name":"session-status"/);
  const { result: called } = await client.request('tools/call', { name: 'list-sessions' });
  assert.match(JSON.stringify(called), /0 sessions, newest first\./);
  assert.deepEqual(client.noise, []);
  assert.equal(client.stderr, '');
}

describe(`garbage on stdio (MAOS_SEED=${seed})`, () => {
  it('of 10,000 lines: each request is answered once, nothing grows, and good calls are answered after it', async () => {
    const client = start();
    await client.initialize();
    const lines = [...garbage(seed, 10_000, { giantEvery: 60 })];
    const residents: number[] = [];
    for (const half of [lines.slice(0, 5_000), lines.slice(5_000)]) {
      const due = await feed(client, [endless, ...half, endless]);
      assertAnswered(client, due);
      residents.push(residentMb(client.pid));
      client.answers.clear();
    }
    // Each half has some 60 MB of lines that are read, and their answers.
    const [first, second] = residents as [number, number];
    assert.ok(second < first + 50, `resident: ${first} MB after one half, ${second} MB after the other`);
    await assertSound(client);
    assert.deepEqual(await client.leave(), [0, null]);
    assert.equal(client.answers.size, 2, 'nothing was answered twice');
  });

  it('before the beginning: lines that are no messages do not keep initialize from being answered', async () => {
    const client = start();
    const lines = [...garbage(seed, 1_000, { only: 'no messages' })];
    for (const piece of inPieces(seed, lines)) await client.write(piece);
    await client.write(endless.bytes);
    const { result } = await client.initialize();
    assert.equal(result?.protocolVersion, '2025-11-25');
    assert.equal(client.complaints.filter(({ error }) => error?.message.includes('longer than')).length, 1);
    await assertSound(client);
    assert.deepEqual(await client.leave('SIGTERM'), [0, null]);
  });

  for (const how of ['EOF', 'SIGTERM'] as const) {
    it(`and no beginning, then ${how}`, async () => {
      const client = start();
      await client.write('garbage\n');
      await client.until(() => client.complaints.length === 1);
      assert.deepEqual(await client.leave(how), [0, null]);
    });
  }

  it('of any kind before the beginning', async () => {
    const client = start();
    assertAnswered(client, await feed(client, [...garbage(seed + 1, 300)]));
    const { result } = await client.initialize();
    assert.equal(result?.protocolVersion, '2025-11-25');
    await assertSound(client);
    assert.deepEqual(await client.leave(), [0, null]);
  });

  it('cut between any two bytes', async () => {
    const client = start();
    await client.initialize();
    const lines = [...garbage(seed + 2, 200)].filter(({ bytes }) => bytes.length < 300);
    for (const byte of Buffer.concat(lines.map(({ bytes }) => bytes)))
      await client.write(Uint8Array.of(byte));
    assertAnswered(client, await answersTo(client, lines));
    assert.deepEqual(client.noise, []);
  });
});

describe('a client that writes before it reads', () => {
  it('gets every answer, and the server does not hold them all', async () => {
    const client = start();
    await client.initialize();
    client.child.stdout.pause();
    const ids = Array.from({ length: 5_000 }, (_, index) => `${index}-${'x'.repeat(2_000)}`);
    const requests = ids.map((id) => `${JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' })}\n`);
    void client.write(requests.join(''));
    await untilIdle(client);
    // It has read about as much as it answered, and holds no more than that.
    const unread = client.child.stdin.writableLength;
    client.child.stdout.resume();
    await client.until(() => client.answers.size > ids.length);
    assert.ok(unread > 2_000_000, `it stopped with ${unread} bytes to read`);
    assert.equal(client.answers.size, ids.length + 1);
    assert.deepEqual(client.noise, []);
  });
});

/** Waits until the server does nothing more. Whether it might begin again does not matter. */
async function untilIdle({ pid }: LineClient): Promise<void> {
  for (let used = -1; used !== cpuTimeMs(pid); ) {
    used = cpuTimeMs(pid);
    await giveTimeTo('use the processor', 200);
  }
}
