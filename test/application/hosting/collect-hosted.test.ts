import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { collectHosted } from '../../../src/application/hosting/collect-hosted.ts';
import type { HostedRecord } from '../../../src/application/ports/hosting.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { hostedSessions } from '../../../src/infrastructure/fleet/hosted-sessions.ts';

const day = 86_400_000;
const project = 'a'.repeat(64);
const none = { maxAgeMs: null, maxSessions: null, maxBytes: null, maxRefsAgeMs: null };

/** The folder of a host, with sessions whose agents have last done something so many days ago. */
class Host {
  readonly folder = mkdtempSync(join(tmpdir(), 'maos-collect-'));
  readonly warnings: string[] = [];
  readonly records: HostedRecord[] = [];
  busy: (id: SessionId) => boolean = () => false;

  constructor(t: TestContext) {
    t.after(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  session(letter: string, daysAgo: number): SessionId {
    const id = `sess_01K${letter.repeat(23)}` as SessionId;
    const agent = join(this.folder, project, 'sessions', id, 'agents', 'agent_1');
    mkdirSync(agent, { recursive: true });
    writeFileSync(join(agent, 'stdout.log'), 'x'.repeat(10_000));
    const at = (Date.now() - daysAgo * day) / 1_000;
    // Folders change with what is in them.
    for (const path of [join(agent, 'stdout.log'), agent, join(agent, '..', '..')]) utimesSync(path, at, at);
    return id;
  }

  has(id: SessionId): boolean {
    return existsSync(join(this.folder, project, 'sessions', id));
  }

  async collect(policy: object): Promise<void> {
    const collection = {
      records: { all: async () => this.records },
      projects: () => hostedSessions(this.folder),
      isBusy: (_: string, id: SessionId) => this.busy(id),
      policy: { ...none, ...policy },
      log: { log: (_: string, message: string) => void this.warnings.push(message) },
    };
    await collectHosted(collection, new Date().toISOString());
    assert.deepEqual(this.warnings, []);
  }
}

describe('what agents of other homes have left on a host', () => {
  it('is removed when nothing has changed there for as long as sessions are kept', async (t) => {
    const host = new Host(t);
    const [old, recent] = [host.session('A', 31), host.session('B', 29)];
    await host.collect({});
    assert.ok(host.has(old));
    await host.collect({ maxAgeMs: 30 * day });
    assert.deepEqual([host.has(old), host.has(recent)], [false, true]);
  });

  it('stays while an attempt is here, or has an end that is not told', async (t) => {
    const host = new Host(t);
    const [running, untold, over] = [host.session('A', 90), host.session('B', 90), host.session('C', 90)];
    host.busy = (id) => id === running;
    host.records.push({ key: { project, sessionId: untold } } as HostedRecord);
    await host.collect({ maxAgeMs: day });
    assert.deepEqual(
      [running, untold, over].map((id) => host.has(id)),
      [true, true, false],
    );
  });

  it('stays if an agent comes while others are removed', async (t) => {
    const host = new Host(t);
    const [first, second] = [host.session('A', 91), host.session('B', 90)];
    host.busy = (id) => id === second && !host.has(first);
    await host.collect({ maxAgeMs: day });
    assert.deepEqual([host.has(first), host.has(second)], [false, true]);
  });

  it('is removed by number and size too, what was used longest ago first', async (t) => {
    const host = new Host(t);
    const [older, old, recent] = [host.session('C', 3), host.session('A', 2), host.session('B', 1)];
    await host.collect({ maxSessions: 2 });
    assert.deepEqual(
      [older, old, recent].map((id) => host.has(id)),
      [false, true, true],
    );
    await host.collect({ maxBytes: 1 });
    assert.deepEqual(
      [old, recent].map((id) => host.has(id)),
      [false, false],
    );
  });

  it('does not matter to a host that has run nothing', async (t) => {
    const host = new Host(t);
    rmSync(host.folder, { recursive: true });
    await host.collect({ maxAgeMs: 0 });
  });
});
