import * as z from 'zod';
import type { Runtime } from '../../../application/runtime.ts';
import { quote } from '../../../domain/errors.ts';
import type { Connection, McpServerOptions } from './connection.ts';
import { latestWins } from './latest-wins.ts';
import { invalidParams } from './request-error.ts';
import { answer, listParams, pageOf } from './requests.ts';
import type { ProgressUpdate } from './tool.ts';

const callParams = z.looseObject({
  name: z.string(),
  arguments: z.record(z.string(), z.unknown()).optional(),
});

/** `tools/list` and `tools/call`. */
export function serveTools(connection: Connection, onCall: McpServerOptions['onCall']): void {
  const { server, runtime, loadRegistry } = connection;

  answer(server, 'tools/list', listParams, async ({ cursor }) => {
    const [{ tools }, { defineTools }] = await Promise.all([loadRegistry(), import('./definitions.ts')]);
    // A client that lists the tools will soon call one.
    setImmediate(() => void warmUp(runtime));
    return pageOf('tools', defineTools(tools), cursor, 'tools/list');
  });

  answer(server, 'tools/call', callParams, async ({ name, arguments: args = {} }, extra) => {
    const [{ tools }, { callTool }] = await Promise.all([loadRegistry(), import('./call-tool.ts')]);
    const tool = tools.find((candidate) => candidate.name === name);
    if (tool === undefined) {
      const names = tools.map((known) => known.name).join(', ');
      throw invalidParams(`Unknown tool: ${quote(name)}. There are: ${names}.`);
    }
    const context = connection.contextOf(extra);
    const token = extra._meta?.progressToken;
    let over = false;
    const sendProgress = latestWins(async (update: ProgressUpdate) => {
      // MCP forbids progress after the response, so an update that waited too long is dropped.
      if (!over) await context.client.notify('notifications/progress', { progressToken: token, ...update });
    });
    const call = callTool(tool, args, {
      ...context,
      notifyProgress: token === undefined ? () => {} : sendProgress,
    });
    onCall?.(call, tool);
    const result = await call;
    over = true;
    return { ...result };
  });
}

async function warmUp(runtime: Runtime): Promise<void> {
  try {
    await Promise.all([import('./call-tool.ts'), runtime.prepare()]);
  } catch (error) {
    runtime.log('warn', 'warm-up failed; the first call reports the reason', { error });
  }
}
