import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { HttpProcess, maosFolder } from '../e2e/http-process.ts';
import { Gate } from '../helpers/gate.ts';
import { lacksBrowser, openDashboard, startBrowser } from './browser.ts';

/** The lines of an agent that the page shows, in order. */
async function linesOf(page: Page): Promise<readonly number[]> {
  const texts = await page.locator('.step-list .terminal').allTextContents();
  return [...texts.join('\n').matchAll(/^line (\d+)$/gm)].map(([, number]) => Number(number));
}

const upTo = (last: number): readonly number[] => Array.from({ length: last }, (_, index) => index + 1);

describe('a page whose server is killed', { skip: lacksBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  it('says so, and continues in every tab without a gap or a repeat when it is back', async (t) => {
    const folder = await maosFolder(t);
    const gates = [1, 2, 3].map((number) => new Gate(folder.project, `part-${number}`));
    const parts = gates.map(
      (gate, index) =>
        `${gate.wait}; for i in $(seq ${1 + 300 * index} ${300 * (index + 1)}); do echo "line $i"; done`,
    );
    const beside = 'for i in 1 2 3 4 5 6; do sleep 0.2; done';
    const { session_id: id } = await folder.json<{ session_id: string }>(
      ...(['run', 'Print', '-x', `printer=${parts.join('; ')}`] as const),
      ...(['-x', `one=${gates[1]?.wait}; ${beside}`, '-x', `two=${gates[2]?.wait}; ${beside}`] as const),
      '--detach',
    );
    const dashboard = await openDashboard(t, browser, { folder, path: `#/sessions/${id}/agents/printer` });
    const { page, url, server, context } = dashboard;
    const events = await context.newPage();
    await events.goto(`${url}/#/sessions/${id}/events`);
    await events.locator('.event').first().waitFor();
    const [first, second, third] = gates as [Gate, Gate, Gate];
    first.openNow();
    await page
      .getByText(/^line 300$/m)
      .first()
      .waitFor();

    await server.end('SIGKILL');
    await Promise.all([page, events].map((tab) => tab.getByText(/^Disconnected from MAOS/).waitFor()));
    // What happens while nobody serves is not lost.
    second.openNow();
    await folder.run('message', 'send', id, 'printer', 'Are you there?');
    await HttpProcess.start(t, folder, { args: ['--http', String(server.port), '--no-stdio'] });
    await Promise.all(
      [page, events].map((tab) => tab.getByText(/^Disconnected from MAOS/).waitFor({ state: 'detached' })),
    );
    third.openNow();
    await page.locator('.agent-head .state').filter({ hasText: 'completed' }).waitFor();
    await page
      .getByText(/^line 900$/m)
      .first()
      .waitFor();
    while ((await page.getByRole('button', { name: 'Earlier steps' }).count()) > 0)
      await page.getByRole('button', { name: 'Earlier steps' }).click();
    assert.deepEqual(await linesOf(page), upTo(900));

    await folder.run('wait', id);
    await events.locator('.session-head .state').filter({ hasText: 'completed' }).waitFor();
    const types = (await folder.run('events', id, '--json')).stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    await events.getByText(`${types.length} of ${types.length} loaded`).waitFor();
    const shown = await events
      .locator('.event-text')
      .evaluateAll((rows) => rows.map((row) => (row as unknown as { title: string }).title));
    // Checkpoints are hidden at first.
    assert.deepEqual(
      shown.reverse(),
      types.filter((type) => type !== 'checkpoint.written'),
    );
  });

  it('shows in one tab what was done in another', async (t) => {
    const folder = await maosFolder(t);
    const gate = new Gate(folder.project, 'end');
    const { session_id: id } = await folder.json<{ session_id: string }>(
      ...(['run', 'Wait', '-x', `a=${gate.wait}`, '--detach'] as const),
    );
    const { page, context, url } = await openDashboard(t, browser, { folder, path: `#/sessions/${id}` });
    const other = await context.newPage();
    await other.goto(`${url}/#/sessions/${id}/agents`);
    await other.locator('.session-head .state').filter({ hasText: 'running' }).waitFor();
    await page.getByRole('button', { name: 'Pause…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Pause', exact: true }).click();
    await other.locator('.session-head .state').filter({ hasText: 'paused' }).waitFor();
    await other.getByRole('button', { name: 'Resume…' }).click();
    await other.getByRole('dialog').getByRole('button', { name: 'Resume', exact: true }).click();
    await page.locator('.session-head .state').filter({ hasText: 'running' }).waitFor();
    gate.openNow();
    for (const tab of [page, other])
      await tab.locator('.session-head .state').filter({ hasText: 'completed' }).waitFor();
  });
});
