import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openNatsFleet } from '../../../src/infrastructure/fleet/nats-fleet.ts';
import { natsKeyIn } from '../../../src/infrastructure/fleet/nats-key.ts';
import { NatsServer } from '../../helpers/nats-server.ts';

function newFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'maos-key-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'nats.seed');
}

describe('the key of a NATS user', () => {
  it('is made once, for its owner alone, and a server that knows it lets nobody else in', async (t) => {
    const file = newFile(t);
    const { publicKey, isNew } = natsKeyIn(file);
    assert.match(publicKey, /^U[A-Z2-7]{55}$/);
    assert.deepEqual([isNew, natsKeyIn(file)], [true, { publicKey, isNew: false }]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match(readFileSync(file, 'utf8'), /^SU[A-Z2-7]{56}\n$/);

    const server = await NatsServer.start(t, (folder, port) =>
      [
        `listen: "127.0.0.1:${port}"`,
        `jetstream { store_dir: "${folder}" }`,
        `authorization { users: [{ nkey: ${publicKey} }] }`,
      ].join('\n'),
    );
    const access = { url: server.url, tls: { ca: null, cert: null, key: null } };
    await (await openNatsFleet({ ...access, credentials: file }, 'test')).close();
    const other = newFile(t);
    natsKeyIn(other);
    await assert.rejects(openNatsFleet({ ...access, credentials: other }, 'test'), /[Aa]uthorization/);
  });

  it('replaces no file, and is not read from one that others can read', (t) => {
    const file = newFile(t);
    writeFileSync(file, 'my notes', { mode: 0o600 });
    assert.throws(() => natsKeyIn(file), { code: 'INVALID_INPUT', message: /nats\.seed" holds neither/ });
    assert.equal(readFileSync(file, 'utf8'), 'my notes');
    const open = newFile(t);
    natsKeyIn(open);
    chmodSync(open, 0o644);
    assert.throws(() => natsKeyIn(open), { code: 'FORBIDDEN', message: /chmod 600/ });
    assert.throws(() => natsKeyIn(join(open, 'below', 'nats.seed')), /Could not write/);
  });
});
