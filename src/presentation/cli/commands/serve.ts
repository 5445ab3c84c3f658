import { MaosError } from '../../../domain/errors.ts';
import type { CliCommand } from '../command.ts';
import { exitStatus } from '../exit-status.ts';

export const serveCommand: CliCommand = {
  name: 'serve',
  summary: 'Serve MCP on stdin and stdout, and over HTTP if asked',
  details:
    "What an MCP client starts; 'maos' with a pipe on stdin does the same. Ends when the client goes, and leaves running sessions to a process of their own. With --http it also listens on this machine, for whoever has the token ('maos token'); with --no-stdio for them alone, until it is told to end.",
  arguments: [],
  options: [
    {
      flags: '--http <[host:]port>',
      description: 'also serve HTTP there; port 0: any that is free',
      kind: 'text',
    },
    { flags: '--no-stdio', description: 'serve HTTP alone', kind: 'flag' },
    { flags: '--allow-remote', description: 'let --http listen for other machines', kind: 'flag' },
  ],
  examples: [
    { line: 'maos init', says: 'register it with Claude Code' },
    { line: 'maos serve --http 4711 --no-stdio', says: 'for editors, dashboards and scripts' },
  ],
  ownsProcess: true,
  async run(context) {
    const { options, terminal, projectPath, projectGiven } = context;
    const runtime = context.runtime();
    const { Serving } = await import('../../serving.ts');
    const serving = new Serving(runtime);
    const closers: (() => Promise<void>)[] = [];
    const http = options.text('http');
    if (http !== undefined) {
      const { openHttp } = await import('../../http/open-http.ts');
      const service = await openHttp(serving, runtime, {
        projectPath,
        listen: http,
        allowRemote: options.flag('allow-remote'),
      });
      closers.push(() => service.close());
      terminal.notice(`MAOS listens on ${service.url}. 'maos token' prints the token it asks for.`);
    } else if (options.flag('no-stdio') || options.flag('allow-remote')) {
      throw new MaosError('INVALID_INPUT', 'serve: --no-stdio and --allow-remote belong to --http.', {
        details: { command: 'serve' },
      });
    }
    if (!options.flag('no-stdio')) {
      const { openStdio } = await import('../../mcp/stdio.ts');
      closers.push(await openStdio(serving, runtime, projectGiven ? { projectPath } : {}));
    }
    await serving.untilEnd();
    await Promise.all(closers.map((close) => close()));
    return exitStatus.done;
  },
};
