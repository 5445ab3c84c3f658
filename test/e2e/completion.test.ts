import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';

const execute = promisify(execFile);

/** For the option `skip` of tests. In CI nothing is skipped, and a test that lacks its shell fails. */
function without(shell: string): string | false {
  const isMissing = spawnSync(shell, ['--version']).status !== 0;
  return isMissing && !process.env.CI ? `needs ${shell}: install the package ${shell} of your system` : false;
}

describe('completion in the shells', () => {
  let maos: MaosFolder;
  let env: NodeJS.ProcessEnv;
  let session: string;
  before(async () => {
    maos = await MaosFolder.make();
    const bin = join(maos.project, 'bin');
    mkdirSync(bin);
    symlinkSync(bundle, join(bin, 'maos'));
    env = {
      ...maos.env,
      HOME: maos.project,
      PATH: [bin, dirname(process.execPath), process.env.PATH].join(delimiter),
    };
    await maos.run('run', 'Complete it.', '-x', 'writer=true');
    ({ session_id: session } = await maos.json<{ session_id: string }>('status'));
  });
  after(() => maos.remove());

  const inShell = async (shell: string, ...args: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await execute(shell, [...args], { env, cwd: maos.project });
    return stdout.split('\n').filter((line) => line !== '');
  };

  /** What bash offers for a line that ends at the cursor. */
  const inBash = (line: string, ...words: readonly string[]) => {
    const script = `
      source <(maos completion bash)
      compopt() { echo "compopt $*"; }
      COMP_LINE=$1 COMP_POINT=\${#1} COMP_WORDS=("\${@:2}") COMP_CWORD=$(( $# - 2 ))
      $(complete -p maos | sed 's/.*-F \\([^ ]*\\).*/\\1/')
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    return inShell('bash', '--norc', '-c', script, 'bash', line, ...words);
  };

  it('bash: commands, options, their values, sessions and agents', { skip: without('bash') }, async () => {
    assert.deepEqual(await inBash('maos stat', 'maos', 'stat'), ['status']);
    assert.deepEqual(await inBash('maos list --state=com', 'maos', 'list', '--state', '=', 'com'), [
      'completed',
    ]);
    assert.deepEqual(await inBash('maos list --state=', 'maos', 'list', '--state', '='), [
      'created',
      'running',
      'paused',
      'completed',
      'failed',
      'cancelled',
    ]);
    assert.deepEqual(await inBash('maos status ', 'maos', 'status', ''), [
      'latest',
      session.slice(-6),
      session,
    ]);
    assert.deepEqual(await inBash('maos logs latest w', 'maos', 'logs', 'latest', 'w'), ['writer']);
    assert.deepEqual(await inBash('maos run -a teste', 'maos', 'run', '-a', 'teste'), [
      'compopt -o nospace',
      'tester=',
    ]);
    assert.deepEqual(await inBash('maos run -a tester@comm', 'maos', 'run', '-a', 'tester', '@', 'comm'), [
      'compopt -o nospace',
      'command=',
    ]);
    assert.deepEqual(await inBash('maos export latest -o ', 'maos', 'export', 'latest', '-o', ''), [
      'compopt -o default',
    ]);
  });

  it('zsh: the same, with descriptions', { skip: without('zsh') }, async () => {
    const inZsh = (...words: readonly string[]) => {
      // Without the line editor there is nothing to add matches to.
      const script = `
        compdef() { :; }
        eval "$(maos completion zsh)"
        compadd() { print -rl -- "compadd \${(j: :)@[1,\${@[(i)--]}]}" "\${shown[@]}"; }
        _files() { print -r -- "_files $*"; }
        words=("$@") CURRENT=$#
        _maos`;
      return inShell('zsh', '-f', '-c', script, 'zsh', 'maos', ...words);
    };
    const [, status] = await inZsh('stat');
    assert.match(status ?? '', /^status +Show a session/);
    assert.deepEqual((await inZsh('status', ''))[1]?.split(/ +/)[0], 'latest');
    assert.match((await inZsh('logs', 'latest', 'w'))[1] ?? '', /^writer /);
    assert.match((await inZsh('run', '-a', 'teste'))[0] ?? '', /^compadd -S {2}-l -d shown --$/);
    assert.deepEqual(await inZsh('list', '-C', ''), ['_files -/']);
  });

  it('fish: the same, by its own completion', { skip: without('fish') }, async () => {
    const inFish = (line: string) =>
      inShell('fish', '--no-config', '-c', 'maos completion fish | source; complete -C $argv[1]', line);
    assert.match((await inFish('maos stat'))[0] ?? '', /^status\tShow a session/);
    assert.deepEqual(await inFish('maos list --state=com'), ['--state=completed']);
    assert.deepEqual(await inFish('maos config get maxDe'), [
      'maxDepth\tHow deep teams can be nested; 0: agents cannot start teams.',
    ]);
    assert.match((await inFish('maos logs latest w'))[0] ?? '', /^writer\t/);
    assert.ok((await inFish('maos export latest -o bi')).includes('bin/'));
  });
});
