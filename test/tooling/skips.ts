import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

/** A test that did not run. */
interface SkippedTest {
  /** From the repository's root. */
  file: string;
  test: string;
  /** What the test itself said. */
  reason: string;
}

interface AllowedSkip {
  file: string;
  test: string;
  /** Where it may be skipped. */
  where: string;
  why: string;
}

const places: Readonly<Record<string, () => boolean>> = {
  anywhere: () => true,
  'as root': () => process.getuid?.() === 0,
  'without the rights of root on Linux': () => !mayAdminister(),
  'unless on Linux': () => process.platform !== 'linux',
};

/** Whether this process has the capability that mounting takes: root of a container may lack it. */
function mayAdminister(): boolean {
  if (process.platform !== 'linux') return false;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const sysAdmin = 21n;
  return ((BigInt(`0x${effective}`) >> sysAdmin) & 1n) === 1n;
}

/** A reporter for `node --test`: a line of JSON for each skipped test. */
// biome-ignore lint/style/noDefaultExport: Node takes a reporter from the default export
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' || data.skip === undefined || data.file === undefined) continue;
    const reason = typeof data.skip === 'string' ? data.skip : '';
    const skipped: SkippedTest = { file: relative(process.cwd(), data.file), test: data.name, reason };
    yield `${JSON.stringify(skipped)}\n`;
  }
}

/**
 * One sentence for each skipped test that the list does not allow to be skipped here.
 * @param report what the reporter wrote
 * @param list the file of allowed skips, as text
 */
export function notAllowed(report: string, list: string): string[] {
  const allowed: AllowedSkip[] = JSON.parse(list);
  const skipped: SkippedTest[] = report
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  const mayBe = ({ file, test }: SkippedTest) =>
    allowed.some((one) => one.file === file && one.test === test && places[one.where]?.());
  return skipped
    .filter((one) => !mayBe(one))
    .map(
      ({ file, test, reason }) =>
        `${file}: "${test}" was skipped (${reason || 'no reason given'}), which test/tooling/allowed-skips.json does not allow here.`,
    );
}
