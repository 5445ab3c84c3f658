import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { maosFolder } from '../e2e/http-process.ts';
import type { MaosFolder } from '../presentation/cli/maos-process.ts';
import { accessibilityFaults } from './axe.ts';
import { lacksBrowser, openDashboard, startBrowser } from './browser.ts';
import { playScene, type Scene } from './scene.ts';
import { showView, views } from './views.ts';

/** Buttons that open a dialog, by the view that has them. */
const dialogs = [
  { path: ({ working }: Scene) => `#/sessions/${working}`, button: 'Pause…' },
  { path: ({ working }: Scene) => `#/sessions/${working}`, button: 'Cancel…' },
  { path: ({ failed }: Scene) => `#/sessions/${failed}`, button: 'Retry…' },
];

describe('axe finds nothing in any view', { skip: lacksBrowser }, () => {
  let browser: Browser;
  let folder: MaosFolder;
  let scene: Scene;
  const ends: (() => unknown)[] = [];
  const suite = { after: (end: unknown) => void ends.push(end as () => unknown) };
  before(async () => {
    browser = await startBrowser();
    folder = await maosFolder(suite);
    scene = await playScene(folder);
  });
  after(async () => {
    await browser?.close();
    for (const end of ends.reverse()) await end();
  });

  for (const [colorScheme, width] of [
    ['light', 1280],
    ['light', 360],
    ['dark', 1280],
    ['dark', 360],
  ] as const) {
    it(`${colorScheme}, ${width} px wide`, async (t) => {
      const viewport = { width, height: 800 };
      const { page, faults } = await openDashboard(t, browser, { folder, colorScheme, viewport });
      for (const [name, path] of Object.entries(views)) {
        await showView(page, path(scene));
        assert.deepEqual(await accessibilityFaults(page), [], name);
        const isWider = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
        assert.equal(isWider, false, `${name} is wider than the window`);
      }
      for (const { path, button } of dialogs) {
        await showView(page, path(scene));
        await page.getByRole('button', { name: button }).first().press('Enter');
        await page.getByRole('dialog').waitFor();
        assert.deepEqual(await accessibilityFaults(page), [], button);
        for (let tabs = 0; tabs < 12; tabs++) {
          await page.keyboard.press('Tab');
          const isOut = await page.evaluate(
            "![document.body, null].includes(document.activeElement) && document.activeElement.closest('dialog') === null",
          );
          assert.equal(isOut, false, `${button}: Tab leaves the dialog`);
        }
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'hidden' });
        const back = await page.evaluate('document.activeElement?.textContent');
        assert.equal(back, button, 'the focus is where it was');
      }
      assert.deepEqual(faults, []);
    });
  }
});
