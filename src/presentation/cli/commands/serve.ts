import { fstatSync } from 'node:fs';
import { MaosError } from '../../../domain/errors.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';

const ofHttp = ['no-stdio', 'allow-remote'] as const;

/** Clients that start a server give it a pipe; services and containers have /dev/null, people a terminal. */
function mayHaveClient(): boolean {
  return !fstatSync(0).isCharacterDevice();
}

/** Probably started by a script, perhaps by 'maos' alone: ending silently would be confusing. */
function isForNobody({ stdin }: CommandContext): boolean {
  return stdin.isTTY !== true && !mayHaveClient();
}

export const serveCommand: CliCommand = {
  name: 'serve',
  summary: 'Serve MCP over stdio, and optionally over HTTP',
  details:
    "MCP clients run this command; 'maos' with a pipe on stdin does the same. It ends when the client disconnects, and moves running sessions to a background process. With --http it also listens on this machine and requires the token ('maos token'). With --no-stdio, or if stdin is a terminal or /dev/null, it serves HTTP only, until SIGTERM or Ctrl-C.",
  arguments: [],
  options: [
    {
      flags: '--http <[host:]port>',
      description: 'also serve HTTP on this address; port 0 picks a free port',
      kind: 'text',
    },
    { flags: '--no-stdio', description: 'serve HTTP only', kind: 'flag' },
    {
      flags: '--allow-remote',
      description: 'allow --http to listen for other machines (without TLS)',
      kind: 'flag',
    },
    {
      flags: '--host-name <name>',
      description: 'also answer requests for this host name (addresses need none); repeatable',
      kind: 'list',
    },
  ],
  examples: [
    { line: 'maos init', says: 'register MAOS with Claude Code' },
    { line: 'maos serve --http 4711 --no-stdio', says: 'for editors, dashboards and scripts' },
  ],
  ownsProcess: true,
  async run(context) {
    const { options, terminal, projectPath, projectGiven } = context;
    const runtime = context.runtime();
    const { Serving } = await import('../../serving.ts');
    const serving = new Serving(runtime, context.endingSignals);
    const closers: (() => Promise<void>)[] = [];
    const http = options.text('http');
    if (http !== undefined) {
      const { openHttp } = await import('../../http/server/open-http.ts');
      const service = await openHttp(serving, runtime, {
        projectPath,
        listen: http,
        allowRemote: options.flag('allow-remote'),
        hostNames: options.list('host-name').map(({ value }) => value),
      });
      closers.push(() => service.close());
      for (const notice of service.notices) terminal.notice(notice);
    } else if (ofHttp.some((name) => options.flag(name)) || options.list('host-name').length > 0) {
      throw new MaosError(
        'INVALID_INPUT',
        'serve: --no-stdio, --allow-remote and --host-name require --http.',
        { details: { command: 'serve' } },
      );
    }
    if (http === undefined || (!options.flag('no-stdio') && mayHaveClient())) {
      const { openStdio } = await import('../../mcp/transport/stdio.ts');
      if (context.stdin.isTTY === true) {
        terminal.notice(
          "Waiting for an MCP client on stdin; Ctrl-D or Ctrl-C ends this. 'maos init' shows how clients start it.",
        );
      }
      closers.push(await openStdio(serving, runtime, projectGiven ? { projectPath } : {}));
    }
    await serving.untilEnd();
    await Promise.all(closers.map((close) => close()));
    if (http === undefined && isForNobody(context)) {
      terminal.notice(
        "stdin is /dev/null, so there is no MCP client to serve. 'maos help' lists the commands; 'maos serve --http' needs no client on stdin.",
      );
    }
    return exitStatus.done;
  },
};
