// Writes the pictures of the dashboard's views into docs/pictures/, from real teams in a real browser.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { maosFolder } from '../e2e/http-process.ts';
import { lacksBrowser, openDashboard, startBrowser } from './browser.ts';
import { playScene } from './scene.ts';
import { showView, views } from './views.ts';

const folder = process.argv[2] ?? join(import.meta.dirname, '../../docs/pictures');
const themes = ['light', 'dark'] as const;
/** Widths with heights, in CSS pixels, and the scale of the picture. */
const sizes = [
  { width: 360, height: 740, scale: 0.75 },
  { width: 1280, height: 800, scale: 0.6 },
  { width: 2560, height: 1440, scale: 0.4 },
] as const;

async function picture(page: Page, file: string, scale: number): Promise<number> {
  const { width, height } = page.viewportSize() ?? { width: 0, height: 0 };
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', {
    format: 'webp',
    quality: 50,
    clip: { x: 0, y: 0, width, height, scale },
  });
  await session.detach();
  const bytes = Buffer.from(data, 'base64');
  writeFileSync(file, bytes);
  return bytes.length;
}

if (lacksBrowser !== false) {
  process.stderr.write(`${lacksBrowser}\n`);
  process.exit(1);
}
const ends: (() => unknown)[] = [];
const t = { after: (end: unknown) => void ends.push(end as () => unknown) };
const browser = await startBrowser();
try {
  const place = await maosFolder(t);
  const scene = await playScene(place);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { page, faults } = await openDashboard(t, browser, { folder: place, reducedMotion: 'reduce' });
  let total = 0;
  for (const colorScheme of themes) {
    await page.emulateMedia({ colorScheme });
    for (const { width, height, scale } of sizes) {
      await page.setViewportSize({ width, height });
      for (const [name, path] of Object.entries(views)) {
        await showView(page, path(scene));
        total += await picture(page, join(folder, `${name}-${width}-${colorScheme}.webp`), scale);
      }
    }
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
  process.stdout.write(`${Object.keys(views).length * 6} pictures, ${Math.round(total / 1024)} KB.\n`);
} finally {
  await browser.close();
  for (const end of ends.reverse()) await end();
}
