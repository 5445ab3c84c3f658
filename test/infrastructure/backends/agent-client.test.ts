import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isMaosError } from '../../../src/domain/errors.ts';
import { makeAgentClientBackend } from '../../../src/infrastructure/backends/agent-client/backend.ts';
import { readBridgeArguments } from '../../../src/infrastructure/backends/agent-client/bridge-options.ts';
import type { AgentClientSettings } from '../../../src/infrastructure/backends/agent-client/settings.ts';
import { agentRequest } from '../../domain/samples.ts';
import { settings } from './agent-client-settings.ts';
import { contextOf, lookupIn } from './launch-context.ts';

function backend(given: Partial<AgentClientSettings> = {}, PATH = '/nowhere') {
  return makeAgentClientBackend({
    name: 'gemini',
    config: { ...settings, ...given },
    env: { PATH },
    bridge: { program: '/usr/bin/node', args: ['/lib/maos.js'] },
  });
}

function folderWith(t: TestContext, name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'maos-agent-client-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, name), '#!/bin/sh\n');
  chmodSync(join(folder, name), 0o755);
  return folder;
}

describe('the command line of an agent whose program speaks the Agent Client Protocol', () => {
  it('is that of the bridge, which starts the program', async (t) => {
    const folder = folderWith(t, 'gemini');
    const inherits = { PATH: folder, GEMINI_API_KEY: 'k', OPENAI_API_KEY: 'o' };
    const context = contextOf(agentRequest(), { inherits, resume: 'c-1' });
    const agent = { ...context.agent, model: 'pro' };
    const { program, args, env, stdin } = await backend().prepare({ ...context, agent });
    assert.deepEqual([program, args[0], args[1]], ['/usr/bin/node', '/lib/maos.js', 'agent-client-bridge']);
    assert.equal(stdin, 'stream');
    assert.deepEqual(env, { GEMINI_API_KEY: 'k', COLOR: 'none' });
    assert.deepEqual(readBridgeArguments(args.slice(2)), {
      name: 'gemini',
      program: join(folder, 'gemini'),
      args: ['--acp'],
      briefing: context.briefing,
      folders: [context.locations.session],
      teamServer: null,
      resume: 'c-1',
      model: 'pro',
      mode: null,
      authMethod: null,
      permissionMode: 'acceptEdits',
      startMs: 2_000,
      silenceMs: 3_000,
    });
  });

  it('has no model that cannot be one', async (t) => {
    const inherits = { PATH: folderWith(t, 'gemini') };
    const context = contextOf(agentRequest(), { inherits });
    const agent = { ...context.agent, model: '-x' };
    await assert.rejects(backend().prepare({ ...context, agent }), (error) =>
      isMaosError(error, 'INVALID_INPUT'),
    );
  });

  it('needs the program, and names the setting that says where it is', async (t) => {
    const findProgram = lookupIn('/nowhere');
    await assert.rejects(backend().locate(findProgram), (error) => {
      assert.ok(isMaosError(error, 'BACKEND_UNAVAILABLE'));
      assert.match(error.message, /"gemini".*no such program.*It is backends\.agentClient\.gemini\.command/);
      return true;
    });
    const folder = folderWith(t, 'gemini');
    chmodSync(join(folder, 'gemini'), 0o644);
    await assert.rejects(backend().locate(lookupIn(folder)), /not executable.*chmod/);
  });
});

describe('how an agent ended', () => {
  const end = { how: 'exited', exitCode: 1, signal: null, at: '2026-01-01T00:00:00.000Z' } as const;

  function explain(line: object | null, stderrTail = '') {
    const parser = backend().makeParser();
    if (line !== null) parser.push(Buffer.from(`${JSON.stringify({ type: 'end', ok: false, ...line })}\n`));
    const outcome = backend().explain(end, parser.parsed(), stderrTail);
    assert.equal(outcome.state, 'failed');
    return outcome.failure;
  }

  it('that was silent because its provider refused it, as its stderr tells', () => {
    const line = { kind: 'stalled', message: 'gemini said nothing.' };
    assert.equal(explain(line).kind, 'stalled');
    const { kind, message } = explain(line, 'Attempt 3 failed with status 429. Retrying …\n');
    assert.deepEqual(
      [kind, message],
      ['rate_limited', 'gemini said nothing (rate limited; try again later)'],
    );
  });

  it('that is not signed in, with what to do', () => {
    const { kind, message } = explain({ kind: 'auth_required', message: 'gemini is not signed in.' });
    assert.equal(kind, 'auth_required');
    assert.match(
      message,
      /Sign in with the program itself, or pass it its key \(backends\.agentClient\.gemini\.pass\)/,
    );
  });

  it('without a word of its bridge', () => {
    const { kind, message } = explain(null, 'no such thing\n');
    assert.deepEqual(
      [kind, message],
      ['exit_code', '"gemini" exited without a result (status 1): no such thing'],
    );
  });
});
