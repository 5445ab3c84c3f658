import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Gate } from '../helpers/gate.ts';
import { LineClient } from '../helpers/line-client.ts';
import { seed } from '../helpers/seed.ts';
import { mixEras } from '../helpers/two-eras.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

let maos: MaosFolder;
before(async () => {
  maos = await MaosFolder.make();
  mkdirSync(maos.home, { recursive: true, mode: 0o700 });
  writeFileSync(join(maos.home, 'config.json'), JSON.stringify({ allowCommands: ['*'] }));
});
after(() => maos.remove());

describe(`both eras on one pipe (MAOS_SEED=${seed})`, () => {
  it('of 10,000 messages with shared ids and crossing cancellations, each is answered as it must be', async () => {
    const gate = new Gate(maos.project, 'gate');
    const client = new LineClient(maos);
    await client.initialize();
    const agents = [{ role: 'qa', task: 'Wait.', command: ['/bin/sh', '-c', gate.wait] }];
    const { result } = await client.request('tools/call', {
      name: 'orchestrate',
      arguments: { objective: 'Wait.', agents },
    });
    assert.ok(result !== undefined, 'no team');
    const { session_id: session } = result.structuredContent as { readonly session_id: string };
    await mixEras(client, { seed, count: 10_000, session, release: () => gate.openNow() });
    assert.deepEqual(await client.leave(), [0, null]);
  });
});
