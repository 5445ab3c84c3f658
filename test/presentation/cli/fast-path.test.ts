import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';

const cli = pathToFileURL(`${import.meta.dirname}/../../../src/presentation/cli/cli.ts`).href;

/** Runs a command line with a runtime that can only supervise, and prints its status, calls and loaded modules. */
const program = `
import { registerHooks } from 'node:module';
const loaded = [];
registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
const { runCli } = await import(${JSON.stringify(cli)});
const calls = [];
const runtime = {
  version: '1.2.3',
  supervise: async (...args) => { calls.push(args); },
  finishNotifications: async () => {},
  close: () => { calls.push(['close']); },
};
const { stdin, stdout, stderr, env } = process;
const status = await runCli(process.argv.slice(1), () => runtime, { stdin, stdout, stderr, env, endingSignals: [], parseText: async () => assert.fail() });
console.log(JSON.stringify({ status, calls, loaded }));
`;

async function run(...argv: readonly string[]) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, '--', ...argv], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = (await text(child.stdout)).trimEnd().split('\n');
  return JSON.parse(lines.at(-1) as string) as { status: number; calls: unknown[]; loaded: string[] };
}

const heavy =
  /commander|\/(?:yaml|jsonc-parser|string-width)\/|\/render\/|\/zod\/|\/commands\/(?!agent|serve|supervise)/;

describe('what other programs start', () => {
  it('loads neither the parser nor any view', async () => {
    const { status, calls, loaded } = await run('supervise', '--project', '/some/where', '--from', 'inst_1');
    assert.equal(status, 0);
    assert.deepEqual(calls, [['/some/where', 'inst_1'], ['close']]);
    assert.deepEqual(
      loaded.filter((url) => heavy.test(url)),
      [],
    );
  });

  it('is left to the parser when it says more', async () => {
    const { status, loaded } = await run('version');
    assert.equal(status, 0);
    assert.ok(
      loaded.some((url) => heavy.test(url)),
      'the test above would pass whatever happened',
    );
    // Modules that would slow down every command.
    const slow = /\/(?:yaml|jsonc-parser|string-width)\//;
    assert.deepEqual(
      loaded.filter((url) => slow.test(url)),
      [],
    );
  });
});
