/** MAOS registers itself with the real Claude Code, which then starts it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bench, makeBench } from './bench.ts';

async function init(bench: Bench, ...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await bench.maos('init', ...args, '--json');
  assert.deepEqual([status, stderr], [0, '']);
  return JSON.parse(stdout);
}

function respond(): never {
  assert.fail('nothing here asks a model');
}

test('Claude Code starts what maos init registers, for every project, until it is removed', async (t) => {
  const bench = await makeBench(t, { respond });
  const { action } = await init(bench);
  assert.equal(action, 'added');
  const get = await bench.claude(['mcp', 'get', 'maos']);
  assert.equal(get.status, 0, get.stderr);
  assert.match(get.stdout, /Scope: User config/);
  assert.match(get.stdout, /Status: ✔ Connected/);
  const list = await bench.claude(['mcp', 'list']);
  assert.match(list.stdout, /^maos: .* serve - ✔ Connected$/m);
  assert.equal((await init(bench)).action, 'unchanged');

  assert.equal((await init(bench, '--remove')).action, 'removed');
  assert.equal((await bench.claude(['mcp', 'get', 'maos'])).status, 1);
  assert.equal((await init(bench, '--remove')).action, 'absent');

  const old = ['mcp', 'add', '--scope', 'user', 'maos', '-e', 'MAOS_LOG=debug', '--', 'no-maos', 'serve'];
  assert.equal((await bench.claude(old)).status, 0);
  const updated = await init(bench);
  assert.deepEqual([updated.action, updated.previous], ['updated', 'no-maos serve']);
  const { stdout } = await bench.claude(['mcp', 'get', 'maos']);
  assert.match(stdout, /Status: ✔ Connected[\s\S]*Environment:\n {4}MAOS_LOG=debug\n/);
});

test('Claude Code reads the .mcp.json that maos init --project writes', async (t) => {
  const bench = await makeBench(t, { respond });
  const { action, entry } = await init(bench, '--project');
  assert.equal(action, 'added');
  const { command, args } = entry as { command: string; args: readonly string[] };
  const { status, stdout, stderr } = await bench.claude(['mcp', 'get', 'maos']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /Scope: Project config[\s\S]*Type: stdio\n/);
  assert.ok(stdout.includes(`  Command: ${command}\n  Args: ${args.join(' ')}\n`), stdout);
  // What Claude Code writes itself is the same entry.
  assert.equal((await bench.claude(['mcp', 'remove', '--scope', 'project', 'maos'])).status, 0);
  const added = await bench.claude(['mcp', 'add', '--scope', 'project', 'maos', '--', command, ...args]);
  assert.equal(added.status, 0, added.stderr);
  assert.equal((await init(bench, '--project')).action, 'unchanged');
  assert.equal((await init(bench, '--project', '--remove')).action, 'removed');
  assert.equal((await bench.claude(['mcp', 'get', 'maos'])).status, 1);
});
