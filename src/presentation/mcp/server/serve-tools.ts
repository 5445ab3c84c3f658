import * as z from 'zod';
import type { Runtime } from '../../../application/runtime.ts';
import { quote } from '../../../domain/errors.ts';
import { latestWins } from './latest-wins.ts';
import { listParams, type Methods, method, type Offer } from './methods.ts';
import { pageOf } from './page.ts';
import { RepeatedCalls } from './repeated-calls.ts';
import { invalidParams } from './request-error.ts';
import type { ProgressUpdate } from './tool.ts';

const callParams = z.looseObject({
  name: z.string(),
  arguments: z.record(z.string(), z.unknown()).optional(),
});

/** `tools/list` and `tools/call`. */
export function toolMethods({
  runtime,
  loadRegistry,
  onCall,
  repeatedCalls = new RepeatedCalls(),
}: Offer): Methods {
  return {
    'tools/list': method(listParams, async ({ cursor }) => {
      const [{ tools }, { defineTools }] = await Promise.all([loadRegistry(), import('./definitions.ts')]);
      // A client that lists the tools will soon call one.
      setImmediate(() => void warmUp(runtime));
      return pageOf('tools', defineTools(tools), cursor, 'tools/list');
    }),

    'tools/call': method(callParams, async ({ name, arguments: args = {} }, request) => {
      const [{ tools }, { callTool, workOf }] = await Promise.all([loadRegistry(), import('./call-tool.ts')]);
      const tool = tools.find((candidate) => candidate.name === name);
      if (tool === undefined) {
        const names = tools.map((known) => known.name).join(', ');
        throw invalidParams(`Unknown tool: ${quote(name)}. There are: ${names}.`);
      }
      const { progressToken } = request;
      let over = false;
      const sendProgress = latestWins(async (update: ProgressUpdate) => {
        // MCP forbids progress after the response, so an update that waited too long is dropped.
        if (!over) await request.client.notify('notifications/progress', { progressToken, ...update });
      });
      const notifyProgress = progressToken === undefined ? () => {} : sendProgress;
      const act = () => callTool(tool, args, { ...request, notifyProgress });
      const call = tool.annotations.readOnlyHint
        ? act()
        : repeatedCalls.once(request.names, workOf(tool, args), act);
      // A call fails when the client must answer first; who counts calls need not know.
      onCall?.(
        call.catch(() => {}),
        tool,
      );
      const result = await call;
      over = true;
      return { ...result };
    }),
  };
}

async function warmUp(runtime: Runtime): Promise<void> {
  try {
    await Promise.all([import('./call-tool.ts'), runtime.prepare()]);
  } catch (error) {
    runtime.log('warn', 'warm-up failed; the first call reports the reason', { error });
  }
}
