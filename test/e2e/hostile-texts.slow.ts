import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CliCommand } from '../../src/presentation/cli/command.ts';
import { commandGroups } from '../../src/presentation/cli/program.ts';
import { assertHarmless, HostileWorld, hostile } from '../helpers/hostile-world.ts';
import { maosInProcess } from '../helpers/maos-in-process.ts';
import type { Finished } from '../presentation/cli/maos-process.ts';

const commands = commandGroups.flatMap(([, some]) => some);

/** Calls with meaningful arguments, in addition to the generated ones. */
const ownCalls: Readonly<Record<string, readonly (readonly string[])[]>> = {
  run: [
    ['fail.json'],
    ['fail.json', '--dry-run'],
    [`bad${hostile}.json`],
    [`torn${hostile}.json`],
    [`Do ${hostile}`, '--agent', `odd=${hostile}`, '--dry-run'],
    [`Do ${hostile}`, '--exec', `${hostile}=echo`],
  ],
  audit: [['verify']],
  roles: [
    ['show', 'odd'],
    ['show', `odd${hostile}`],
  ],
  logs: [
    ['latest', 'fail', '--tail', '3'],
    ['latest', hostile],
  ],
  export: [['latest', '--force']],
  gc: [['--max-sessions', '0', '--dry-run']],
  recover: [['latest', '--from-checkpoint', hostile]],
};

/** Calls generated from a command's declared arguments, so that new commands are covered. */
function callsOf({ name, arguments: args, options, hidden }: CliCommand): readonly (readonly string[])[] {
  const words = args.map(({ syntax }) => (/session/.test(syntax) ? 'latest' : hostile));
  const withValue = options.filter(({ kind }) => kind !== 'flag');
  const flagOf = (flags: string): string => flags.match(/--[a-z-]+/)?.[0] ?? flags;
  const help = ['help', name];
  // It starts its own team, so one call is enough.
  if (name === 'demo') return [help, [name]];
  return [
    help,
    // It waits for the sessions that it finds.
    ...(hidden === true ? [] : [[name], [name, '--json']]),
    [name, hostile],
    [name, hostile, '--json'],
    [name, ...words],
    [name, ...words, '--json'],
    [name, `--${hostile}`],
    ...withValue.map(({ flags }) => [name, ...words, flagOf(flags), hostile]),
    ...(ownCalls[name] ?? []).flatMap((own) => [
      [name, ...own],
      [name, ...own, '--json'],
    ]),
  ];
}

/** Commands that start sessions or servers. */
const needsProcess = new Set(['run', 'demo', 'serve', 'agent', 'supervise', 'recover', 'retry']);

describe('texts that steer a terminal', { timeout: 400_000 }, () => {
  let world: HostileWorld;
  let first: string;
  const maos = (...args: readonly string[]): Promise<Finished> => inEnvironment(world.env, args);
  const inEnvironment = (env: NodeJS.ProcessEnv, args: readonly string[]): Promise<Finished> => {
    const [command = ''] = args;
    return needsProcess.has(command)
      ? world.maos.start(args, { env }).finished
      : maosInProcess(args, { env, cwd: world.maos.project });
  };
  before(async () => {
    world = new HostileWorld();
    const { status, stdout } = await maos('run', 'fail.json');
    assert.equal(status, 1);
    first = stdout.match(/sess_\w+/)?.[0] ?? '';
  });
  after(async () => {
    // The command `open` has started a server.
    const { status, stderr } = await maos('open', '--stop');
    assert.equal(status, 0, stderr);
    rmSync(dirname(world.maos.project), { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });

  for (const command of commands) {
    it(`do not reach it by maos ${command.name}`, async () => {
      for (const call of callsOf(command)) {
        const { stdout, stderr, status } = await maos(...call);
        const what = `maos ${JSON.stringify(call)}`;
        assert.notEqual(status, 70, `${what} is a bug: ${stderr}`);
        assertHarmless(`${what}, stdout,`, stdout);
        assertHarmless(`${what}, stderr,`, stderr);
      }
    });
  }

  it('are shown, so that what is there can be seen', async () => {
    for (const call of [
      'status',
      'list',
      'events',
      'logs',
      'roles',
      'doctor',
      'export --force',
      'run fail.json',
    ])
      assert.match((await maos(...call.split(' '))).stdout, /\\u202e.*\\u2066/, call);
    assert.match((await maos('status', hostile)).stderr, /\\u202e/);
  });

  it('do not reach one with colours', async () => {
    const env = { ...world.env, FORCE_COLOR: '1' };
    for (const call of ['status', 'list', 'events', 'logs', 'roles', 'doctor', 'run fail.json', 'help run']) {
      const { stdout, stderr } = await inEnvironment(env, call.split(' '));
      assertHarmless(call, `${stdout}${stderr}`, true);
    }
  });

  it('do not reach it while agents run', async () => {
    const { stdout } = await maos('run', 'wait.json', '--detach');
    const id = stdout.trim();
    const run = async (...call: readonly string[]): Promise<string> => {
      const { stdout: out, stderr: err } = await maos(...call);
      for (const text of [out, err]) assertHarmless(`maos ${call.join(' ')}`, text);
      return out;
    };
    while (!(await run('events', id)).includes('paths.claimed'));
    assert.match(await run('status', id), /^Path claims\n {2}wait: claimed\\u001b.*\\u202e/m);
    for (const call of [
      ['ps'],
      ['instances'],
      ['status', id],
      ['pause', id],
      ['status', id],
      ['resume', id],
    ]) {
      await run(...call);
      await run(...call.slice(0, 1), '--json');
    }
    // Nothing may be left that goes on without its home, which the end of the tests removes.
    assert.equal((await maos('cancel', id)).status, 0);
    assert.match(await run('status', id), /cancelled/);
    assert.match(await run('events', id, '--type', 'agent.stopped'), /ended: .*folderx/);
  });

  it('are the bytes as they came where somebody asks for those', async () => {
    assert.ok((await maos('logs', first, 'talk', '--raw', '--stream', 'stdout')).stdout.includes(hostile));
  });

  it('do not reach it by the name of a home, or settings that are wrong', async () => {
    const relative = await world.maos.start(['list'], { env: { ...world.env, MAOS_HOME: `x${hostile}` } })
      .finished;
    assert.match(relative.stderr, /relative path.*\\u202e/);
    assertHarmless('a relative home', relative.stderr);
    for (const content of [{ [hostile]: 1 }, { backend: hostile }, { limits: { [hostile]: 1 } }, hostile]) {
      world.write('home/config.json', JSON.stringify(content));
      for (const call of [['list'], ['doctor'], ['doctor', '--json'], ['list', '--json']]) {
        const { stdout, stderr } = await maos(...call);
        assertHarmless(`settings ${JSON.stringify(content)}: ${call}`, `${stdout}${stderr}`);
      }
    }
  });
});
