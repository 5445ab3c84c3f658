import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Limit, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';
import { inWorkplace } from '../workplace.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The size of the download, and of what every model's context begins with. */
export const sizes: Row = {
  name: 'sizes',
  async measure() {
    const tools = await inWorkplace({}, async (place) => {
      const client = place.maos();
      await client.initialize();
      const answer = await client.request('tools/list', {});
      if (!Array.isArray(answer.tools) || answer.tools.length === 0) {
        throw new Error(`tools/list answered ${JSON.stringify(answer).slice(0, 500)}`);
      }
      return Buffer.byteLength(JSON.stringify(answer));
    });
    const bundle = `${root}dist/maos.js`;
    return [
      size('`tools/list`', tools, { typical: 10 }),
      size('bundle', statSync(bundle).size),
      size('npm package, packed', packedBytes()),
    ];
  },
};

function size(what: string, bytes: number, must: Limit | null = null): Measurement {
  return { what, unit: 'KB', maos: summarize([bytes / 1_000]), floor: null, basis: 'value', must, aim: null };
}

function packedBytes(): number {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const report: unknown = JSON.parse(
    execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const [entry] = Object.values(report as Record<string, { readonly size: number }>);
  if (entry === undefined) throw new Error(`npm pack answered ${JSON.stringify(report)}`);
  return entry.size;
}
