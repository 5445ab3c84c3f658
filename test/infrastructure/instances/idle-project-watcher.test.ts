import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { IdleProjectWatcher } from '../../../src/infrastructure/instances/idle-project-watcher.ts';
import { InstanceRegistration } from '../../../src/infrastructure/instances/instance-registration.ts';
import { endedSession } from '../../helpers/ended-sessions.ts';
import { type RealProject, realProject } from '../../helpers/real-project.ts';
import { until } from '../../helpers/waiting.ts';

/** Watches a project like a server without requests. */
async function watch(t: TestContext, real: RealProject) {
  const registration = new InstanceRegistration(real.home, '1.2.3', () => {});
  const watcher = new IdleProjectWatcher(registration, real.home, real.root);
  t.after(() => {
    watcher.end();
    registration.withdraw();
    registration.close();
  });
  const seen = { calls: 0, registration };
  await watcher.begin(() => {
    seen.calls += 1;
  });
  return seen;
}

describe('a server that nobody has asked for anything', () => {
  it('is written down, and sees no work where sessions have ended', async (t) => {
    const real = realProject(t);
    endedSession(real, real.project.clock.now());
    const { calls, registration } = await watch(t, real);
    assert.equal(calls, 0);
    assert.equal(await registration.isAlive(registration.instance), true);
  });

  it('sees sessions to look after at once', async (t) => {
    const real = realProject(t);
    endedSession(real, real.project.clock.now(), { ended: false });
    assert.equal((await watch(t, real)).calls, 1);
  });

  it('sees those that come later, and looks no further then', async (t) => {
    const real = realProject(t);
    const seen = await watch(t, real);
    assert.equal(seen.calls, 0);
    endedSession(real, real.project.clock.now(), { ended: false });
    await until(() => seen.calls > 0);
    assert.equal(seen.calls, 1);
  });

  it('leaves it to others to say what is wrong with a store', async (t) => {
    const real = realProject(t);
    await real.close();
    writeFileSync(real.database, 'no database, but longer than what SQLite takes for a header. '.repeat(20));
    assert.equal((await watch(t, real)).calls, 1);
  });

  it('refuses a project that is no folder', (t) => {
    const real = realProject(t);
    const registration = new InstanceRegistration(real.home, '1.2.3', () => {});
    const make = () => new IdleProjectWatcher(registration, real.home, join(real.root, 'nowhere'));
    assert.throws(make, { code: 'INVALID_INPUT' });
  });
});
