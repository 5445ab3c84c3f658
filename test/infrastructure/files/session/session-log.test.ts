import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { isMaosError } from '../../../../src/domain/errors.ts';
import { SessionLogs } from '../../../../src/infrastructure/files/session/session-log.ts';
import { giveTimeTo } from '../../../helpers/waiting.ts';
import { sampleEvents, sessionId } from '../sample-workflow.ts';
import { withSmallDisk } from '../small-disk.ts';

const root = mkdtempSync(join(tmpdir(), 'maos-session-log-'));
after(() => rmSync(root, { recursive: true, force: true }));

const path = join(root, 'session.log');
const open = (): SessionLogs => new SessionLogs(() => path);
const records = (file = path) => {
  const text = readFileSync(file, 'utf8');
  assert.ok(text === '' || text.endsWith('\n'), 'the last line is whole');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
};
const seqs = (file = path): number[] => records(file).map((record) => record.seq);

describe('session.log', () => {
  beforeEach(() => rmSync(path, { force: true }));

  it('holds the same records as the table, one a line, seq first, for its user alone', async () => {
    await open().append(sessionId, sampleEvents(1, 3));
    assert.deepEqual(records(), sampleEvents(1, 3));
    assert.match(readFileSync(path, 'utf8'), /^\{"seq":1,"type":"session\.requested","sessionId":"sess_/);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('takes each event once, whoever gives it again', async () => {
    const log = open();
    await log.append(sessionId, sampleEvents(1, 3));
    await log.append(sessionId, sampleEvents(2, 5));
    await open().append(sessionId, sampleEvents(1, 6));
    await log.append(sessionId, sampleEvents(1, 7));
    await log.append(sessionId, []);
    assert.deepEqual(seqs(), [1, 2, 3, 4, 5, 6, 7]);
  });

  it('keeps the order of calls made at once', async () => {
    const log = open();
    await Promise.all(
      Array.from({ length: 40 }, (_, call) =>
        log.append(sessionId, sampleEvents(call * 3 + 1, call * 3 + 3)),
      ),
    );
    assert.deepEqual(
      seqs(),
      Array.from({ length: 120 }, (_, index) => index + 1),
    );
  });

  it('says how far it has come', async () => {
    const log = open();
    assert.equal(await log.last(sessionId), 0);
    await log.append(sessionId, sampleEvents(1, 2));
    assert.equal(await log.last(sessionId), 2);
    assert.equal(await open().last(sessionId), 2);
    await open().append(sessionId, sampleEvents(3, 4));
    assert.equal(await log.last(sessionId), 4, 'also when another process went on');
  });

  const tails: [title: string, tail: string | Buffer][] = [
    ['half a line', '{"seq":4,"type":"agent.st'],
    ['half a character', Buffer.from('{"seq":4,"at":"\u00e4').subarray(0, -1)],
    ['a whole record without its newline', '{"seq":4}'],
    ['zeros, as after a power cut', Buffer.alloc(5_000)],
    ['zeros that end in a newline', Buffer.concat([Buffer.alloc(100), Buffer.from('\n')])],
    ['lines that are no records', 'null\n{}\n{"seq":"4"}\n\n'],
    ['half a line larger than what is read at first', `{"seq":4,"pad":"${'x'.repeat(400_000)}`],
  ];
  for (const [title, tail] of tails) {
    it(`is mended after ${title}`, async () => {
      await open().append(sessionId, sampleEvents(1, 3));
      appendFileSync(path, tail);
      const log = open();
      assert.equal(await log.last(sessionId), 3);
      await log.append(sessionId, sampleEvents(1, 5));
      assert.deepEqual(seqs(), [1, 2, 3, 4, 5]);
    });
  }

  it('is mended however many of its bytes are left', async () => {
    await open().append(sessionId, sampleEvents(1, 3));
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(path, whole.subarray(0, length));
      await open().append(sessionId, sampleEvents(1, 3));
      assert.deepEqual(readFileSync(path), whole, `cut to ${length} bytes`);
    }
  });

  it('is mended by the process that saw it whole before', async () => {
    const log = open();
    await log.append(sessionId, sampleEvents(1, 3));
    truncateSync(path, statSync(path).size - 5);
    assert.equal(await log.last(sessionId), 2);
    await log.append(sessionId, sampleEvents(3, 3));
    assert.deepEqual(seqs(), [1, 2, 3]);
  });

  it('finds its end behind a record of megabytes', async () => {
    const [event] = sampleEvents(1, 1);
    assert.ok(event);
    const large = { ...event, data: { by: 'test', reason: 'x'.repeat(3_000_000) } } as typeof event;
    await open().append(sessionId, [large]);
    assert.equal(await open().last(sessionId), 1);
  });

  it('refuses a gap and says from where to go on', async () => {
    const log = open();
    await log.append(sessionId, sampleEvents(1, 3));
    await assert.rejects(log.append(sessionId, sampleEvents(5, 6)), (error) => {
      return isMaosError(error, 'INTERNAL') && error.details.lastLogged === 3 && error.message.includes(path);
    });
    await log.append(sessionId, sampleEvents(4, 6));
    assert.deepEqual(seqs(), [1, 2, 3, 4, 5, 6], 'a refused call keeps nobody from writing');
  });

  it('survives kill -9 while it is written', { timeout: 120_000 }, async () => {
    const writer = `
      import { SessionLogs } from ${JSON.stringify(import.meta.resolve('../../../../src/infrastructure/files/session/session-log.ts'))};
      import { sampleEvents, sessionId } from ${JSON.stringify(import.meta.resolve('../sample-workflow.ts'))};
      const log = new SessionLogs(() => process.argv[1]);
      for (let seq = await log.last(sessionId); ; seq += 50) {
        await log.append(sessionId, sampleEvents(seq + 1, seq + 50));
        process.send?.(seq);
      }`;
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', writer, path], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      await once(child, 'message');
      await giveTimeTo('get anywhere within the next few writes', Math.random() * 10);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const log = open();
    const last = await log.last(sessionId);
    await log.append(sessionId, sampleEvents(last + 1, last + 1));
    assert.deepEqual(
      seqs(),
      Array.from({ length: last + 1 }, (_, index) => index + 1),
    );
  });

  it('is whole again once a full disk has room', async (t) => {
    await withSmallDisk(t, async (folder) => {
      const file = join(folder, 'session.log');
      const log = new SessionLogs(() => file);
      await log.append(sessionId, sampleEvents(1, 3));
      writeFileSync(join(folder, 'ballast'), Buffer.alloc(50_000));
      await assert.rejects(log.append(sessionId, sampleEvents(4, 1_000)), (error) => {
        return isMaosError(error, 'RESOURCE_LIMIT_EXCEEDED') && error.message.includes(file);
      });
      rmSync(join(folder, 'ballast'));
      await log.append(sessionId, sampleEvents((await log.last(sessionId)) + 1, 100));
      assert.deepEqual(
        seqs(file),
        Array.from({ length: 100 }, (_, index) => index + 1),
      );
    });
  });
});
