import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { NatsAccess } from '../../../src/infrastructure/fleet/nats-connection.ts';
import { openNatsFleet } from '../../../src/infrastructure/fleet/nats-fleet.ts';
import { fleetContract, newKey } from '../../helpers/fleet-contract.ts';
import { NatsServer } from '../../helpers/nats-server.ts';

import { until } from '../../helpers/waiting.ts';

const noTls = { ca: null, cert: null, key: null };
const accessTo = (url: string): NatsAccess => ({ url, credentials: null, tls: noTls });

describe('the fleet over NATS', () => {
  let server: NatsServer;
  const cleanUps: (() => Promise<void>)[] = [];
  before(async () => {
    server = await NatsServer.start({ after: (cleanUp) => cleanUps.push(cleanUp) });
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  fleetContract(async () => async () => openNatsFleet(accessTo(server.url), 'test'));
});

describe('a NATS server', () => {
  it('that was killed has everything when it is back, and its clients go on', async (t) => {
    const server = await NatsServer.start(t);
    const home = await openNatsFleet(accessTo(server.url), 'home');
    t.after(() => home.close());
    const key = newKey();
    const pieces: string[] = [];
    await home.append(key, 'stdout', 0, Buffer.from('before'));
    await home.follow(key, {
      claim: () => {},
      output: (_stream, offset, bytes) => pieces.push(`${offset} ${Buffer.from(bytes)}`),
      fact: () => {},
    });
    await until(() => pieces.length === 1, 'the output before');
    await server.kill();
    await server.run();
    await until(async () => {
      await home.append(key, 'stdout', 6, Buffer.from('after')).catch(() => {});
      return pieces.includes('6 after');
    }, 'the output after');
    assert.equal(await home.appended(key, 'stdout'), 11);
  });

  it('that is not there is named, with what to do', async () => {
    await assert.rejects(openNatsFleet(accessTo('nats://127.0.0.1:1'), 'test'), {
      code: 'BACKEND_UNAVAILABLE',
      message: /nats:\/\/127\.0\.0\.1:1: .*nats-server -js/,
    });
  });

  it('is not told a secret that others may read', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'maos-creds-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'nats.creds');
    writeFileSync(path, 'secret', { mode: 0o644 });
    await assert.rejects(openNatsFleet({ ...accessTo('nats://127.0.0.1:1'), credentials: path }, 'test'), {
      code: 'FORBIDDEN',
      message: /chmod 600/,
    });
  });
});
