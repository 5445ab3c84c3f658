import { resolve } from 'node:path';
import type { HostReport } from '../../../application/ports/fleet.ts';
import type { HostOptions } from '../../../application/runtime.ts';
import { MaosError, quote, showPath } from '../../../domain/errors.ts';
import type { HostBackend } from '../../../domain/placement.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { renderTable } from '../render/table.ts';
import { exitStatus } from '../shell/exit-status.ts';
import type { OptionValues } from '../shell/option-values.ts';
import type { Canvas } from '../shell/terminal.ts';

export const hostCommand: CliCommand = {
  name: 'host',
  summary: 'Let this machine run agents of other homes',
  details: [
    "Runs agents that other homes offer to its pools, over a NATS server with JetStream: one agent per slot, by this machine's own settings. remote.homes, remote.backends and allowCommands limit whose agents run and what they may run.",
    "Ctrl-C ends only this command: its agents keep running, and the next 'maos host' adopts them. With --detach it runs in the background and logs to host/host.log in the home.",
    "list shows the hosts of the server. drain lets this home's host finish its agents and exit. key FILE creates, or reads, the key for signing in to the server, and prints its public key.",
  ].join('\n'),
  arguments: [
    {
      syntax: '[action]',
      description: 'list, drain or key (default: run agents)',
      choices: ['list', 'drain', 'key'],
    },
    { syntax: '[file]', description: 'file of the secret key, for remote.credentials' },
  ],
  options: [
    {
      flags: '--nats <url>',
      description: 'NATS server, such as nats://10.0.0.1:4222 (default: remote.url)',
      kind: 'text',
    },
    { flags: '--pool <names>', description: 'pools to run agents of, comma-separated', kind: 'text' },
    {
      flags: '--slots <n>',
      description: 'maximum number of agents at once (default: maxConcurrentAgents.machine)',
      kind: 'integer',
      range: [1, 10_000],
    },
    {
      flags: '--label <key=value>',
      description: 'label that homes see for this machine; repeatable',
      kind: 'list',
    },
    { flags: '--name <name>', description: 'name of the host (default: name of the machine)', kind: 'text' },
    { flags: '-d, --detach', description: 'run in the background until drained', kind: 'flag' },
  ],
  examples: [
    {
      line: 'maos host --nats nats://10.0.0.1:4222 --pool gpu --slots 2',
      says: 'run two agents of the pool gpu at once',
    },
    { line: 'maos host --pool gpu --detach', says: 'in the background, until maos host drain' },
    { line: 'maos host list --nats nats://10.0.0.1:4222', says: 'show the hosts, their pools and load' },
    { line: 'maos host key ~/.maos/nats.seed', says: 'make a key for signing in to a NATS server' },
  ],
  async run(context) {
    const { args, options, terminal } = context;
    const runtime = context.runtime();
    const url = options.text('nats') ?? null;
    const [action, file] = args;
    if (action === 'key') return key(context, file);
    if (file !== undefined) {
      throw new MaosError(
        'INVALID_INPUT',
        `host: ${quote(file)} is one argument too many: only key takes a file.`,
      );
    }
    if (action === 'list') return list(context, (await runtime.fleetHosts(url)).hosts);
    if (action === 'drain') {
      await runtime.drainHost();
      if (context.json) terminal.document({ draining: true });
      else
        terminal.notice('The host of this home takes no more agents, and exits when its agents have ended.');
      return exitStatus.done;
    }
    if (action !== undefined) {
      throw new MaosError(
        'INVALID_INPUT',
        `host: ${quote(action)} is not an action: use list, drain or key.`,
      );
    }
    const asked = {
      ...{ url, pools: poolsOf(options), labels: labelsOf(options.list('label').map(({ value }) => value)) },
      ...{ slots: options.number('slots') ?? null, name: options.text('name') ?? null },
    };
    if (options.flag('detach')) return detach(context, asked);
    const signal = context.watchInterrupts();
    await runtime.runHost(asked, (what) => terminal.notice(what), signal);
    return exitStatus.done;
  },
};

async function detach(
  { json, terminal, program, runtime }: CommandContext,
  options: HostOptions,
): Promise<number> {
  const { pid, name, log } = await runtime().startHost(options);
  const { pools } = options;
  if (json) terminal.document({ name, pools, pid, log });
  else {
    terminal.line(`Host ${name} takes agents of ${pools.join(', ')} in the background, as process ${pid}.`);
    terminal.line(`Its log is ${showPath(log)}.`);
    terminal.line(`'${program} host drain' lets it finish its agents and exit.`);
  }
  return exitStatus.done;
}

/** @throws MaosError */
async function key(
  { cwd, json, terminal, program, runtime }: CommandContext,
  file: string | undefined,
): Promise<number> {
  if (file === undefined) {
    throw new MaosError(
      'INVALID_INPUT',
      `host: name the file for the secret key: ${program} host key ~/.maos/nats.seed.`,
    );
  }
  const path = resolve(cwd, file);
  const { publicKey, isNew } = await runtime().natsKey(path);
  if (json) terminal.document({ public_key: publicKey, file: path, created: isNew });
  else {
    terminal.line(publicKey);
    const whose = isNew ? 'The new secret key' : 'The secret key';
    terminal.notice(`${whose} is in ${showPath(path)}: set remote.credentials to this file.`);
  }
  return exitStatus.done;
}

/** @throws MaosError INVALID_INPUT */
function poolsOf(options: OptionValues): readonly string[] {
  const names = (options.text('pool') ?? '').split(',').map((name) => name.trim());
  const pools = names.filter((name) => name !== '');
  if (pools.length > 0) return pools;
  throw new MaosError('INVALID_INPUT', 'host: name the pools whose agents it runs, such as --pool gpu.');
}

/** @throws MaosError INVALID_INPUT */
function labelsOf(given: readonly string[]): Readonly<Record<string, string>> {
  const labels = given.map((label) => {
    const [, key, value] = /^([A-Za-z0-9][A-Za-z0-9_./-]{0,62})=([\x20-\x7e]{0,200})$/.exec(label) ?? [];
    if (key !== undefined && value !== undefined) return [key, value] as const;
    throw new MaosError(
      'INVALID_INPUT',
      `host: ${quote(label)} is not a label: use key=value, such as gpu=a100.`,
    );
  });
  return Object.fromEntries(labels);
}

function list({ json, terminal }: CommandContext, hosts: readonly HostReport[]): number {
  if (json) terminal.document({ hosts: hosts.map(hostView) });
  else if (hosts.length === 0) terminal.notice('No host has sent a heartbeat for 30 s.');
  else for (const line of renderHosts(hosts, terminal.canvas)) terminal.line(line);
  return exitStatus.done;
}

function hostView({
  name,
  pools,
  slots,
  running,
  freeMemoryMb,
  isDraining,
  labels,
  backends,
  version,
  at,
}: HostReport) {
  const load = { slots, running, free_memory_mb: freeMemoryMb, draining: isDraining };
  const clis = backends.map(({ name, isInstalled, version, signedIn, heldUntil }) => ({
    ...{ name, installed: isInstalled, version, signed_in: signedIn, held_until: heldUntil },
  }));
  return { name, pools, labels, ...load, backends: clis, version, reported_at: at };
}

/** `claude 2.1.0, codex (not signed in)`: what can be run there. */
function backendText({ name, version, signedIn, heldUntil }: HostBackend): string {
  const held = heldUntil === null ? null : `quota used up until ${heldUntil}`;
  const note = signedIn === 'no' ? 'not signed in' : held;
  return `${name}${version === null ? '' : ` ${version}`}${note === null ? '' : ` (${note})`}`;
}

function renderHosts(hosts: readonly HostReport[], canvas: Canvas): string[] {
  const rows = hosts.map(({ name, pools, slots, running, freeMemoryMb, isDraining, version, ...more }) => [
    name,
    isDraining ? 'draining' : running < slots ? 'free' : 'full',
    `${running} of ${slots}`,
    pools.join(', '),
    `${freeMemoryMb} MiB`,
    version,
    more.backends
      .filter(({ isInstalled }) => isInstalled)
      .map(backendText)
      .join(', '),
    Object.entries(more.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(', '),
  ]);
  const columns = [
    { title: 'HOST', whole: true },
    { title: 'STATE' },
    { title: 'AGENTS' },
    { title: 'POOLS' },
    { title: 'FREE MEMORY', rank: 1 },
    { title: 'VERSION', rank: 2 },
    { title: 'BACKENDS', rank: 3 },
    { title: 'LABELS', rank: 4 },
  ] as const;
  return renderTable(columns, rows, canvas);
}
