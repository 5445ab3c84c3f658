import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCustomBackend } from '../../../src/infrastructure/backends/custom/backend.ts';
import type { CustomSettings } from '../../../src/infrastructure/backends/custom/settings.ts';
import { loadConfig } from '../../../src/infrastructure/config/config.ts';
import { backendContract, type ExpectedEnd, type Recording } from '../../helpers/backend-contract.ts';
import { inventedClis } from '../../helpers/invented-clis.ts';

const folder = mkdtempSync(join(tmpdir(), 'maos-custom-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'config.json'), JSON.stringify({ backends: { custom: inventedClis } }));
const { custom } = loadConfig({ home: folder, env: {} }).config.backends;

/** Records a run of the fake program. */
function recorded(args: readonly string[], input = ''): Recording {
  const [program = '', ...rest] = args;
  const { stdout, stderr, status, signal } = spawnSync(program, rest, { input });
  const end = { how: 'exited', exitCode: status, signal, at: '2026-01-01T00:00:00.000Z' } as const;
  return { stdout, stderr: stderr.toString(), end };
}

function inFile(task: string): string {
  const file = join(folder, `${task}.md`);
  writeFileSync(file, `do: ${task}\n`);
  return file;
}

const completed = (words: RegExp): ExpectedEnd => ({ kind: null, words });

function contract(
  name: keyof typeof inventedClis,
  given: { readonly recordings: Record<string, Recording>; readonly ends: Record<string, ExpectedEnd> },
): void {
  const settings = custom[name] as CustomSettings;
  backendContract({
    name: `custom:${name}`,
    cli: { title: name, executable: name, testedVersion: null },
    make: ({ path, env }) => {
      const command = [path ?? name, ...settings.command.slice(1)];
      return makeCustomBackend({ name, config: { ...settings, command }, env });
    },
    ...given,
    success: 'answer',
    takesNoModel: settings.modelArgs.length === 0,
    told: ({ args, env }) => [...args, ...Object.values(env)].join('\n'),
    shutsOutServers: null,
  });
}

const [scribe] = inventedClis.scribe.command;
contract('scribe', {
  recordings: {
    answer: recorded([scribe, '--persona=a tester'], 'do: answer\n'),
    quota: recorded([scribe], 'do: quota\n'),
    crash: recorded([scribe], 'do: crash\n'),
    nothing: recorded([scribe], 'do: nothing\n'),
  },
  ends: {
    answer: completed(/^written as a tester$/),
    quota: {
      kind: 'rate_limited',
      words: /^quota exceeded, try again tomorrow \(rate limited; try again later\)$/,
    },
    crash: {
      kind: 'exit_code',
      words: /exited without a result \(status 3\): scribe: cannot open the inkwell$/,
    },
    nothing: { kind: 'exit_code', words: /exited without a result \(status 0\)\.$/ },
  },
});

const [courier] = inventedClis.courier.command;
contract('courier', {
  recordings: {
    answer: recorded([courier, '--rules', 'Be quick', '--say', 'do: answer']),
    key: recorded([courier, '--say', 'do: key']),
    nothing: recorded([courier, '--say', 'do: nothing']),
  },
  ends: {
    answer: completed(/^Be quick: 10 characters$/),
    key: { kind: 'auth_required', words: /^No valid key: sign in\. Sign in with courier itself/ },
    nothing: { kind: 'exit_code', words: /exited without a result \(status 0\)\.$/ },
  },
});

const [filer] = inventedClis.filer.command;
contract('filer', {
  recordings: {
    answer: recorded([filer, 'run', '--task', inFile('answer')]),
    crash: recorded([filer, 'run', '--task', inFile('crash')]),
    kill: recorded([filer, 'run', '--task', inFile('kill')]),
    wrong: recorded([filer, 'walk']),
  },
  ends: {
    answer: completed(/Filed\.$/),
    crash: { kind: 'exit_code', words: /exited without a result \(status 1\): filer: jammed$/ },
    kill: { kind: 'signal', words: /SIGKILL/ },
    wrong: { kind: 'exit_code', words: /without a result \(status 64\): usage: filer run --task FILE$/ },
  },
});
