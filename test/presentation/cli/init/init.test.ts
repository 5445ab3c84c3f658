import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { otherClients } from '../../../../src/presentation/cli/init/other-clients.ts';
import {
  ownCommand,
  packageCommand,
  projectCommand,
} from '../../../../src/presentation/cli/init/server-command.ts';
import { parseCall } from '../../../../src/presentation/cli/program.ts';
import { Terminal } from '../../../../src/presentation/cli/shell/terminal.ts';

describe('the command that starts this maos', () => {
  let root: string;
  before(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'maos-init-')));
  });
  after(() => rm(root, { recursive: true, force: true }));

  async function file(...path: readonly string[]): Promise<string> {
    const made = join(root, ...path);
    await mkdir(dirname(made), { recursive: true });
    await writeFile(made, '#!/bin/sh\n');
    await chmod(made, 0o755);
    return made;
  }

  async function link(target: string, ...path: readonly string[]): Promise<string> {
    const made = join(root, ...path);
    await mkdir(dirname(made), { recursive: true });
    await symlink(target, made);
    return made;
  }

  const byName = { command: 'maos', args: ['serve'], caveat: null };

  it('is its name, where PATH leads to it: installed globally, or linked to a checkout', async () => {
    const execPath = await file('global/versions/24/bin/node');
    const launcher = await file('global/lib/node_modules/maos/bin/maos.js');
    const script = await link(launcher, 'global/bin/maos');
    assert.deepEqual(ownCommand({ script, execPath, env: { PATH: dirname(script) } }), byName);

    const checkout = await file('checkout/bin/maos.js');
    const linked = await link(checkout, 'linked/maos');
    const PATH = `/nowhere:relative::${dirname(linked)}`;
    assert.deepEqual(ownCommand({ script: checkout, execPath, env: { PATH } }), byName);
  });

  it("is its name, where a package manager's own script starts it", async () => {
    const script = await file('pnpm/global/5/node_modules/maos/bin/maos.js');
    const shim = await file('pnpm/maos');
    const env = { PATH: dirname(shim), npm_command: 'exec' };
    assert.deepEqual(ownCommand({ script, execPath: process.execPath, env }), byName);
  });

  it("is the launcher in npm's cache where npx runs it, with a word that it may go", async () => {
    const launcher = await file('_npx/0a1b/node_modules/maos/bin/maos.js');
    const script = await link(launcher, '_npx/0a1b/node_modules/.bin/maos');
    const env = { PATH: dirname(script), npm_command: 'exec' };
    const { caveat, ...command } = ownCommand({ script, execPath: process.execPath, env });
    assert.deepEqual(command, { command: process.execPath, args: [launcher, 'serve'] });
    assert.match(caveat ?? '', /npm's cache, which npm may clear: install MAOS/);
  });

  it('is Node and the launcher by path for a checkout, whatever another maos is on PATH', async () => {
    const launcher = await file('work/maos/bin/maos.js');
    const other = await file('other/bin/maos');
    const execPath = await file('cellar/node/24.1/bin/node');
    const env = { PATH: dirname(other), npm_command: 'exec' };
    const byPath = { command: execPath, args: [launcher, 'serve'], caveat: null };
    assert.deepEqual(ownCommand({ script: launcher, execPath, env }), byPath);
    assert.deepEqual(ownCommand({ script: launcher, execPath, env: {} }), byPath);
  });

  it('names Node by the link on PATH that leads to it, which outlives its upgrades', async () => {
    const launcher = await file('project/node_modules/maos/bin/maos.js');
    const script = await link(launcher, 'project/node_modules/.bin/maos');
    const execPath = await file('brew/Cellar/node/24.1/bin/node');
    const node = await link(execPath, 'brew/bin/node');
    const started = (PATH: string) => ownCommand({ script, execPath, env: { PATH } }).command;
    assert.equal(started(`${dirname(script)}:${dirname(node)}`), node);
    const another = await file('another/bin/node');
    assert.equal(started(`${dirname(another)}:${dirname(node)}`), execPath);
  });
});

describe('what others start who work on the project', () => {
  let root: string;
  before(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'maos-init-')));
    for (const path of ['team/node_modules/maos/bin/maos.js', 'bin/node', 'bin/maos', 'else/maos.js']) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), '#!/bin/sh\n', { mode: 0o755 });
    }
  });
  after(() => rm(root, { recursive: true, force: true }));

  it('is a path within the project where maos is a dependency of it', () => {
    const script = join(root, 'team/node_modules/maos/bin/maos.js');
    const execPath = join(root, 'bin/node');
    const args = ['node_modules/maos/bin/maos.js', 'serve'];
    const env = { PATH: join(root, 'bin') };
    const found = projectCommand({ script, execPath, env }, join(root, 'team'));
    assert.deepEqual(found, { command: 'node', args, caveat: null });
    const without = projectCommand({ script, execPath, env: {} }, join(root, 'team'));
    assert.deepEqual(without, { command: execPath, args, caveat: null });
  });

  it('is the name where PATH leads to it, else a path, and what that needs', () => {
    const execPath = join(root, 'bin/node');
    const env = { PATH: join(root, 'bin') };
    const named = projectCommand({ script: join(root, 'bin/maos'), execPath, env }, join(root, 'team'));
    assert.deepEqual([named.command, named.args], ['maos', ['serve']]);
    assert.match(named.caveat ?? '', /needs 'maos' on PATH/);
    const elsewhere = { script: join(root, 'else/maos.js'), execPath, env };
    const byPath = projectCommand(elsewhere, join(root, 'missing'));
    assert.deepEqual([byPath.command, byPath.args], [execPath, [elsewhere.script, 'serve']]);
    assert.match(byPath.caveat ?? '', /only on this machine/);
  });

  it('is a package only by a full name and version, and never by a name that is not ours', () => {
    const { command, args } = packageCommand('@you/maos@1.2.3');
    assert.deepEqual([command, args], ['npx', ['-y', '@you/maos@1.2.3', 'serve']]);
    for (const spec of [
      'maos',
      'maos@0.1.0',
      '@you/maos',
      '@you/maos@latest',
      '@you/maos@^1.0.0',
      'x@1',
      '-y',
    ]) {
      assert.throws(() => packageCommand(spec), { code: 'INVALID_INPUT' }, spec);
    }
  });
});

describe('what other clients are given', () => {
  const command = { command: '/opt/a "b"/node', args: ['/x/maos.js', 'serve'] };

  it('is a table of TOML for Codex and JSON for Gemini, with time for the longest wait', () => {
    const [codex, gemini] = otherClients(command, 'user');
    assert.deepEqual([codex?.file, gemini?.file], ['~/.codex/config.toml', '~/.gemini/settings.json']);
    assert.deepEqual(codex?.text.split('\n').slice(0, 4), [
      '[mcp_servers.maos]',
      'command = "/opt/a \\"b\\"/node"',
      'args = ["/x/maos.js", "serve"]',
      'tool_timeout_sec = 300',
    ]);
    assert.match(codex?.text ?? '', /^# default_tools_approval_mode = "approve"$/m);
    assert.deepEqual(JSON.parse(gemini?.text ?? ''), {
      mcpServers: { maos: { ...command, timeout: 300_000 } },
    });
  });

  it('is what each of the others calls it', () => {
    const [, gemini, qwen, opencode, copilot] = otherClients(command, 'user');
    assert.deepEqual([qwen?.file, qwen?.text], ['~/.qwen/settings.json', gemini?.text]);
    assert.equal(opencode?.file, '~/.config/opencode/opencode.json');
    assert.deepEqual(JSON.parse(opencode?.text ?? ''), {
      mcp: { maos: { type: 'local', command: [command.command, ...command.args], enabled: true } },
    });
    assert.equal(copilot?.file, '~/.copilot/mcp-config.json');
    assert.deepEqual(JSON.parse(copilot?.text ?? ''), {
      mcpServers: { maos: { type: 'local', ...command, tools: ['*'] } },
    });
  });

  it("belongs in the project's own settings for a project", () => {
    const files = otherClients(command, 'project').map(({ file }) => file);
    const others = ['.qwen/settings.json', 'opencode.json'];
    assert.deepEqual(files, ['.codex/config.toml', '.gemini/settings.json', ...others]);
  });
});

describe('--project', () => {
  const terminal = new Terminal({
    stdout: { write: () => assert.fail('wrote to stdout') },
    stderr: { write: () => assert.fail('wrote to stderr') },
    env: {},
    noColor: false,
  });
  const parse = (...argv: readonly string[]) => parseCall(argv, terminal, () => '1.2.3');

  it('may stand alone for init, anywhere', async () => {
    const lines = [
      ['init', '--project'],
      ['init', '--project', '--remove'],
      ['init', '--remove', '--project'],
      ['--project', '--json', 'init'],
    ];
    for (const line of lines) {
      const call = await parse(...line);
      assert.deepEqual([call?.command.name, call?.project], ['init', '.'], line.join(' '));
      assert.equal(call?.options.flag('remove'), line.includes('--remove'));
    }
  });

  it('names a folder where one follows', async () => {
    for (const line of [
      ['init', '--project', 'a'],
      ['init', '--project=a'],
      ['--project', 'a', 'init'],
    ]) {
      assert.equal((await parse(...line))?.project, 'a', line.join(' '));
    }
    assert.equal((await parse('init'))?.project, undefined);
  });

  it('needs a folder for every other command', async () => {
    await assert.rejects(parse('list', '--project'), { code: 'INVALID_INPUT' });
  });
});
