import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { projectFolder, workspaceHash } from '../../../../src/infrastructure/files/home/home.ts';
import { agentRequest, planRequest } from '../../../domain/samples.ts';
import { httpBench } from '../http-bench.ts';

describe('/api/overview', () => {
  it('tells whose MAOS this is, and its projects, also one that cannot be read', async (t) => {
    const bench = await httpBench(t);
    const { project: other } = await bench.otherProject();
    bench.store(planRequest([agentRequest()]), other);
    const { project: empty } = await bench.otherProject();
    const { project: damaged } = await bench.otherProject();
    damaged.store.close();
    writeFileSync(join(projectFolder(bench.runtime.home, workspaceHash(damaged.path)), 'project.db'), 'x');
    const { body } = await bench.http.call('getOverview');
    assert.deepEqual(
      [body.version, body.pid, body.user, body.host, body.home, body.project, body.open_requests],
      [
        bench.runtime.version,
        process.pid,
        userInfo().username,
        hostname(),
        bench.runtime.home,
        bench.root,
        0,
      ],
    );
    const [own, second, third, ...more] = body.projects;
    assert.deepEqual(own, { path: bench.root, label: basename(bench.root) });
    assert.deepEqual(second, { path: other.path, label: basename(other.path) });
    assert.match(third.problem, /database|project\.db/);
    assert.deepEqual(more, []);
    assert.ok(!body.projects.some(({ path }: { path: string }) => path === empty.path), 'it has no session');
    assert.deepEqual(body.settings.allow_commands, ['*']);
    assert.equal(body.settings.default_backend, 'claude');
  });
});
