import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { accessibilityFaults } from './axe.ts';
import { lacksBrowser, openDashboard, startBrowser } from './browser.ts';

describe('the dashboard', { skip: lacksBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  for (const [colorScheme, width] of [
    ['light', 1280],
    ['dark', 360],
  ] as const) {
    it(`shows a session that starts while it is looked at, ${colorScheme}, ${width} px wide`, async (t) => {
      const viewport = { width, height: 800 };
      const { folder, page, faults } = await openDashboard(t, browser, { colorScheme, viewport });
      await page.getByText('No sessions yet').waitFor();
      assert.deepEqual(await accessibilityFaults(page), []);

      await folder.json('run', '-x', 'first=echo hello', 'Greet <b>everybody</b>', '--detach');
      await page.getByRole('link', { name: /Greet <b>everybody<\/b>/ }).click();
      await page.getByRole('heading', { name: 'Greet <b>everybody</b>' }).waitFor();
      const node = page.getByRole('link', { name: /^first completed/ });
      await node.waitFor();
      assert.deepEqual(await accessibilityFaults(page), []);
      for (const tab of ['Agents', 'Timeline', 'Usage']) {
        await page.getByRole('navigation', { name: 'Session' }).getByRole('link', { name: tab }).click();
        await page.waitForTimeout(0);
        assert.deepEqual(await accessibilityFaults(page), [], tab);
      }
      assert.deepEqual(
        faults.filter((text) => !/status of 40[04]/.test(text)),
        [],
      );
    });
  }
});
