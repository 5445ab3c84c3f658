import type { HttpServer } from '../../../application/ports/http-servers.ts';
import { plural } from '../../../domain/amounts.ts';
import { MaosError } from '../../../domain/errors.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import type { SignInLink } from '../open/sign-in-link.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { allOption } from './session-argument.ts';

export const openCommand: CliCommand = {
  name: 'open',
  summary: 'Open the dashboard in a browser',
  details: [
    'Prints and opens a link that signs in one browser. The link works once, within a minute. The browser stays signed in for seven days, or until it signs out or the token is replaced (maos token --rotate).',
    "Uses a server of this user and version if one is running ('maos serve --http'); otherwise starts one in the background.",
    'Over ssh or without a display, open starts no browser, and prints the command that forwards the port to your machine.',
  ].join('\n'),
  arguments: [
    { syntax: '[session]', description: "session to show: id, an unambiguous part of it, or 'latest'" },
  ],
  options: [
    { flags: '--no-browser', description: 'print the link, and how to reach it by ssh', kind: 'flag' },
    { flags: '--stop', description: "end the servers that 'maos open' started", kind: 'flag' },
    allOption,
  ],
  examples: [
    { line: 'maos open', says: 'every session of this machine' },
    { line: 'maos open latest', says: 'the newest session of this project' },
    { line: 'maos open --no-browser', says: 'for a browser on another machine' },
    { line: 'maos open --stop', says: 'end the server' },
  ],
  async run(context) {
    const { args, options, terminal, json, env, program } = context;
    if (options.flag('stop')) return stop(context);
    const [reference] = args;
    const session = reference === undefined ? null : await new SessionFinder(context).session(reference);
    const { link, server, started } = await linkFor(context, session?.id ?? null);
    if (json) {
      terminal.document({ ...link, pid: server.pid, port: server.port, started });
      return exitStatus.done;
    }
    if (started) {
      terminal.notice(
        `Started a server in the background: process ${server.pid}, port ${server.port}. '${program} open --stop' ends it.`,
      );
    }
    terminal.line(link.url);
    terminal.notice('The link signs in one browser and works once, within a minute.');
    const { browserOpeners, openBrowser } = await import('../open/browser.ts');
    const openers = options.flag('no-browser') ? [] : browserOpeners(process.platform, env);
    if (openers.length > 0) {
      if (!(await openBrowser(link.url, openers, env))) {
        terminal.notice('No browser could be opened: open the link yourself.');
      }
      return exitStatus.done;
    }
    const { portForward } = await import('../open/port-forward.ts');
    terminal.notice('If your browser is on another machine, run this there first:');
    terminal.notice(`  ${portForward(server.port, env)}`);
    return exitStatus.done;
  },
};

async function linkFor(
  { runtime, projectPath }: CommandContext,
  sessionId: string | null,
): Promise<{ readonly link: SignInLink; readonly server: HttpServer; readonly started: boolean }> {
  const maos = runtime();
  const { signInLink } = await import('../open/sign-in-link.ts');
  for (const server of await maos.httpServers()) {
    const link = await signInLink(server, maos, sessionId);
    if (link !== null) return { link, server, started: false };
  }
  const server = await maos.startHttpServer(projectPath);
  const link = await signInLink(server, maos, sessionId);
  if (link !== null) return { link, server, started: true };
  throw new MaosError(
    'INTERNAL',
    `The server that was started does not answer: process ${server.pid}, port ${server.port}. See the logs in ${JSON.stringify(maos.home)}.`,
  );
}

async function stop({ runtime, terminal, json, program }: CommandContext): Promise<number> {
  const before = await runtime().instances();
  const stopped = await runtime().stopHttpServers();
  const isAllGone = stopped.every(({ isGone }) => isGone);
  const status = isAllGone ? exitStatus.done : exitStatus.failed;
  if (json) {
    terminal.document({ stopped: stopped.map(({ pid, isGone }) => ({ pid, ended: isGone })) });
    return status;
  }
  if (stopped.length === 0) {
    terminal.notice(
      `No server that '${program} open' started is running. '${program} instances' lists all maos processes.`,
    );
  }
  for (const { pid, isGone } of stopped) {
    terminal.notice(isGone ? `Process ${pid} has ended.` : `Process ${pid} is still ending.`);
    const sessions = before.find((instance) => instance.pid === pid)?.sessions.length ?? 0;
    if (sessions === 0) continue;
    terminal.notice(
      `It ran ${plural(sessions, 'session')}. A background process pauses them, or continues those with on_exit "keep": see '${program} list'.`,
    );
  }
  return status;
}
