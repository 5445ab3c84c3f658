import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

/** A test that did not run. */
interface SkippedTest {
  /** From the repository's root. */
  file: string;
  test: string;
  /** The reason that the test gave. */
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

/** Whether this process has the capability to mount, which root in a container may lack. */
function mayAdminister(): boolean {
  if (process.platform !== 'linux') return false;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const sysAdmin = 21n;
  return ((BigInt(`0x${effective}`) >> sysAdmin) & 1n) === 1n;
}

/**
 * A reporter for `node --test`: one line of JSON for each skipped test that did not run elsewhere either. (The tests of
 * the application run on two hosts, and some need one of them.)
 */
// biome-ignore lint/style/noDefaultExport: Node takes a reporter from the default export
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const skipped = new Map<string, SkippedTest>();
  const ran = new Set<string>();
  for await (const { type, data } of events) {
    if (type !== 'test:pass' || data.file === undefined) continue;
    const { name: test, skip } = data;
    const file = relative(process.cwd(), data.file);
    const key = JSON.stringify([file, test]);
    if (skip === undefined || skip === false) ran.add(key);
    else skipped.set(key, { file, test, reason: typeof skip === 'string' ? skip : '' });
  }
  for (const [key, one] of skipped) if (!ran.has(key)) yield `${JSON.stringify(one)}\n`;
}

/**
 * One sentence for each skipped test that the list does not allow to skip here.
 * @param report the reporter's output
 * @param list the content of the file of allowed skips
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
