import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';

/**
 * Answers 'claude mcp get|add|remove' with the texts of Claude Code 2.1.330. The file `user` contains the user's entry,
 * `local` the folder's; `calls` the arguments of every call; `refused` the error of 'add'.
 */
const fakeClaude = `#!/bin/sh
state=$(dirname "$0")/state
[ "$1" = --version ] && { echo '2.1.330 (Claude Code)'; exit; }
{ printf '<%s>' "$@"; echo; } >>"$state/calls"
case "$2" in
get)
  entry=$state/user
  [ -f "$state/local" ] && [ "$PWD" != / ] && entry=$state/local
  [ -f "$entry" ] || { echo 'No MCP server named "maos". Run \`claude mcp add\` to add one.' >&2; exit 1; }
  cat "$entry"
  ;;
add)
  [ -f "$state/refused" ] && { cat "$state/refused" >&2; exit 1; }
  [ -f "$state/user" ] && { echo 'MCP server maos already exists in user config' >&2; exit 1; }
  while [ "$1" != -- ]; do
    [ "$1" = -e ] && variables="$variables    $2
"
    shift
  done
  program=$2
  shift 2
  printf 'maos:\\n  Scope: User config (available in all your projects)\\n  Status: ✔ Connected\\n  Type: stdio\\n  Command: %s\\n  Args: %s\\n  Environment:\\n%s\\nTo remove this server, run: …\\n' "$program" "$*" "$variables" >"$state/user"
  ;;
remove) rm "$state/user" ;;
esac
`;

interface Document {
  readonly action: string | null;
  readonly file: string | null;
  readonly starts_by: string | null;
  readonly entry: { readonly command: string; readonly args: readonly string[] } | null;
  readonly previous: string | null;
  readonly shadowed_by: string | null;
  readonly others: readonly { readonly client: string; readonly file: string; readonly text: string }[];
}

let maos: MaosFolder;
let bin: string;
beforeEach(async () => {
  maos = await MaosFolder.make();
  bin = join(maos.project, 'bin');
  await mkdir(join(bin, 'state'), { recursive: true });
  await writeFile(join(bin, 'claude'), fakeClaude);
  await chmod(join(bin, 'claude'), 0o755);
});
afterEach(() => maos.remove());

const state = (name: string) => join(bin, 'state', name);
const calls = async () => (await readFile(state('calls'), 'utf8')).trimEnd().split('\n');

function init(args: readonly string[], path = `${bin}:/usr/bin:/bin`) {
  const { MAOS_CLAUDE_PATH: _, ...env } = maos.env;
  return maos.start(['init', ...args], { env: { ...env, PATH: path } }).finished;
}

async function initJson(...args: readonly string[]): Promise<Document> {
  const { status, stdout, stderr } = await init([...args, '--json']);
  assert.deepEqual([status, stderr], [0, '']);
  return JSON.parse(stdout);
}

describe('maos init', () => {
  it('registers this very program with Claude Code once, and prints what others need', async () => {
    const { status, stdout, stderr } = await init([]);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^Added maos to Claude Code .*: \S+ \S+maos\.js serve\n/);
    assert.match(stdout, /claude mcp get maos/);
    assert.match(stdout, /^For Codex, in ~\/\.codex\/config\.toml:\n\n\[mcp_servers\.maos\]\n/m);
    assert.match(stdout, /^For Gemini CLI, in ~\/\.gemini\/settings\.json:\n\n\{\n/m);

    const again = await initJson();
    assert.equal(again.action, 'unchanged');
    const { command, args } = again.entry ?? assert.fail();
    assert.equal(await realpath(command), await realpath(process.execPath));
    assert.deepEqual(args, [await realpath(bundle), 'serve']);
    assert.deepEqual(await calls(), [
      '<mcp><get><maos>',
      `<mcp><add><--scope><user><maos><--><${command}>${args.map((arg) => `<${arg}>`).join('')}`,
      '<mcp><get><maos>',
    ]);
    assert.deepEqual(
      again.others.map(({ client }) => client),
      ['codex', 'gemini', 'qwen', 'opencode', 'copilot'],
    );
    assert.match((await init([])).stdout, /already in .*\n {2}Nothing was changed\.\n/);
  });

  it('registers a maos that PATH leads to by its name', async () => {
    await symlink(bundle, join(bin, 'maos'));
    assert.deepEqual((await initJson()).entry, { type: 'stdio', command: 'maos', args: ['serve'] });
    assert.equal((await calls()).at(-1), '<mcp><add><--scope><user><maos><--><maos><serve>');
  });

  it('brings another entry to this program, says what it was, and keeps its variables', async () => {
    await symlink(bundle, join(bin, 'maos'));
    await writeFile(
      state('user'),
      'maos:\n  Scope: User config (available in all your projects)\n  Type: stdio\n  Command: /old/node\n  Args: maos.js serve\n  Environment:\n    MAOS_HOME=/a home\n    KEY=secret\n\nTo remove this server, run: claude mcp remove maos -s user\n',
    );
    const { status, stdout, stderr } = await init([]);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^Changed maos in .*: maos serve\n {2}It was: \/old\/node maos\.js serve\n/);
    assert.doesNotMatch(stdout, /secret/);
    assert.deepEqual(await calls(), [
      '<mcp><get><maos>',
      '<mcp><remove><--scope><user><maos>',
      '<mcp><add><--scope><user><maos><-e><MAOS_HOME=/a home><-e><KEY=secret><--><maos><serve>',
    ]);
    assert.equal((await initJson()).action, 'unchanged');
  });

  it("tells of an entry of the folder's own, which comes before the user's", async () => {
    await writeFile(
      state('local'),
      'maos:\n  Scope: Local config (private to you in this project)\n  Type: http\n  URL: http://127.0.0.1:1/mcp\n',
    );
    const added = await initJson();
    assert.deepEqual(
      [added.action, added.shadowed_by],
      ['added', 'http http://127.0.0.1:1/mcp, of Local config (private to you in this project)'],
    );
    const { status, stdout } = await init([]);
    assert.equal(status, 0);
    assert.match(stdout, /already/);
    assert.match(stdout, /In this folder another entry takes precedence: http http:/);
  });

  it('takes the entry out again', async () => {
    await init([]);
    const removed = await initJson('--remove');
    assert.deepEqual([removed.action, removed.entry, removed.others], ['removed', null, []]);
    assert.match(removed.previous ?? '', /maos\.js serve$/);
    const { status, stdout, stderr } = await init(['--remove']);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^There is no maos in Claude Code .*Nothing was changed\.\n$/);
  });

  it('exits with 6 without Claude Code, and says what helps', async () => {
    const { status, stdout, stderr } = await init([], '/nonexistent');
    assert.equal(status, 6);
    assert.match(stdout, /\[mcp_servers\.maos\][\s\S]*"mcpServers"/);
    assert.match(stderr, /^maos: .*Claude Code is not on PATH\. Install it .*init --project' .*\.\n$/);
    const json = await init(['--json'], '/nonexistent');
    assert.equal(json.status, 6);
    const document = JSON.parse(json.stdout) as Document;
    assert.deepEqual([document.action, document.others.length], [null, 5]);
    assert.equal(JSON.parse(json.stderr).error.code, 'BACKEND_UNAVAILABLE');
    assert.deepEqual((await init(['--remove'], '/nonexistent')).stdout, '');
  });

  it("exits with 6 when Claude Code refuses, with Claude Code's words and what is lost", async () => {
    await writeFile(state('refused'), 'The configuration is managed by your organisation');
    const { status, stderr } = await init([]);
    assert.equal(status, 6);
    assert.match(stderr, /'claude mcp add' failed: The configuration is managed by your organisation\./);
    await writeFile(
      state('user'),
      'maos:\n  Scope: User config (…)\n  Type: stdio\n  Command: old\n  Args: \n  Environment:\n\n',
    );
    assert.match((await init([])).stderr, /The previous entry, "old", has already been removed\./);
    await writeFile(state('user'), 'maos\n    KEY=secret\n');
    const odd = await init([]);
    assert.equal(odd.status, 6);
    assert.match(odd.stderr, /'claude mcp get' failed: its answer has an unknown format/);
    assert.doesNotMatch(odd.stderr, /secret/);
  });
});

describe('maos init --project', () => {
  it('writes .mcp.json here or in a folder, without Claude Code, for this very program', async () => {
    const { status, stdout, stderr } = await init(['--project'], '/nonexistent');
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(
      stdout,
      /^Added maos to \S+\/\.mcp\.json: \S+ \S+\/maos\.js serve\n {2}It starts this installation, by its path\.\n {2}This entry works only on this machine\./,
    );
    assert.match(stdout, /^For Codex, in \.codex\/config\.toml:$/m);
    assert.doesNotMatch(stdout, /npx/);
    const text = await readFile(join(maos.project, '.mcp.json'), 'utf8');
    const { command, args } = JSON.parse(text).mcpServers.maos;
    assert.deepEqual([command, args], [process.execPath, [await realpath(bundle), 'serve']]);
    const served = spawnSync(command, args, {
      cwd: maos.project,
      env: maos.env,
      input: '',
      encoding: 'utf8',
    });
    assert.deepEqual([served.status, served.stderr], [0, '']);

    assert.match((await init(['--project'], '/nonexistent')).stdout, /Nothing was changed\./);
    assert.equal(await readFile(join(maos.project, '.mcp.json'), 'utf8'), text);

    const other = join(maos.project, 'other project');
    await mkdir(other);
    const { action, file, starts_by } = await initJson('--project', other);
    assert.equal(starts_by, 'path');
    assert.deepEqual([action, file], ['added', join(other, '.mcp.json')]);
    assert.match(
      (await init(['--project', other, '--remove'])).stdout,
      /^Removed .*other project.*had no other entry/,
    );
    assert.deepEqual(await readdir(other), []);
    assert.equal((await initJson('--project', other, '--remove')).action, 'absent');
    await assert.rejects(calls(), { code: 'ENOENT' });
  });

  it('names what everybody has: maos by its name, a package of the registry only when told', async () => {
    await symlink(bundle, join(bin, 'maos'));
    assert.deepEqual((await initJson('--project')).entry, {
      type: 'stdio',
      command: 'maos',
      args: ['serve'],
    });
    const { entry, others } = await initJson('--project', '--npx', '@you/maos@1.2.3');
    assert.deepEqual(entry?.args, ['-y', '@you/maos@1.2.3', 'serve']);
    assert.ok(others.every(({ text }) => text.includes('@you/maos@1.2.3')));
    assert.deepEqual((await initJson('--project', '--package', '@you/maos@1.2.3')).entry, entry);
    const open = await init(['--npx', 'maos']);
    assert.equal(open.status, 2);
    assert.match(open.stderr, /exact version, such as @you\/maos@1\.2\.3/);
  });

  it('refuses what it cannot read, with 2', async () => {
    await writeFile(join(maos.project, '.mcp.json'), '{"mcpServers": {},}');
    const { status, stdout, stderr } = await init(['--project']);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /is not JSON at line 1, column 19/);
    await rm(join(maos.project, '.mcp.json'));
    assert.equal((await init(['--project', join(maos.project, 'missing')])).status, 2);
  });
});
