import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { bundle, lineFrom, MaosFolder } from '../presentation/cli/maos-process.ts';

/** Ends once the file `go` is there; says what of this reached the agent. */
const agent = 'a=until [ -e go ]; do sleep 0.05; done; echo "ignored: $MAOS_IGNORED_SIGNALS"';

describe('a signal that maos was told to ignore', () => {
  let maos: MaosFolder;
  beforeEach(async () => {
    maos = await MaosFolder.make();
  });
  afterEach(() => maos.remove());

  /** @param line starts "$@" */
  async function statusAfter(line: string, signal: NodeJS.Signals, env: NodeJS.ProcessEnv = {}) {
    const child = spawn('sh', ['-c', line, bundle, 'run', '--exec', agent], {
      cwd: maos.project,
      env: {
        ...maos.env,
        PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
        _: '/bin/sh',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const status = new Promise<number | null>((resolve) => child.on('close', resolve));
    await lineFrom(child.stdout, /a: started/);
    process.kill(child.pid as number, signal);
    await writeFile(join(maos.project, 'go'), '');
    return status;
  }

  const cases: [what: string, line: string, signal: NodeJS.Signals, status: number][] = [
    ['by nohup stays ignored', 'exec nohup "$0" "$@"', 'SIGHUP', 0],
    ['by a shell stays ignored', 'trap \'\' INT; exec "$0" "$@"', 'SIGINT', 0],
    ['alone is ignored', 'trap \'\' INT; exec "$0" "$@"', 'SIGHUP', 130],
    ['is heard where none was', 'exec "$0" "$@"', 'SIGHUP', 130],
    ['is heard where none was (Ctrl-C)', 'exec "$0" "$@"', 'SIGINT', 130],
  ];
  for (const [what, line, signal, status] of cases) {
    it(what, async () => {
      assert.equal(await statusAfter(line, signal), status);
      if (status !== 0) return;
      const { stdout } = await maos.run('logs', 'latest');
      assert.equal(stdout, 'ignored: \n', 'what holds for maos is not handed on');
    });
  }

  it('is known from a shell that names nohup, where Node was given the script', async () => {
    const line = `exec '${process.execPath}' "$0" "$@"`;
    assert.equal(await statusAfter(line, 'SIGHUP', { _: '/usr/bin/nohup' }), 0);
  });
});
