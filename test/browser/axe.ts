import axe from 'axe-core';
import type { Page } from 'playwright-core';

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What axe finds against WCAG 2.2 AA and its best practices, a line for each element. */
export async function accessibilityFaults(page: Page): Promise<readonly string[]> {
  // The page's policy refuses scripts of others; what the browser's tools evaluate is above it.
  await page.evaluate(`'axe' in globalThis || (() => {${axe.source}})()`);
  const violations = await page.evaluate(async (): Promise<readonly Violation[]> => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    return (await axe.run()).violations;
  });
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html} ${failureSummary}`),
  );
}
