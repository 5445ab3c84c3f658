import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { HttpProcess, maosFolder } from '../e2e/http-process.ts';
import type { MaosFolder } from '../presentation/cli/maos-process.ts';

/** Where Debian installs it; another place by the variable. */
const executablePath = process.env.MAOS_TEST_CHROMIUM ?? '/usr/bin/chromium';

/** Why browser tests cannot run here, for `skip`; false: they can. */
export const lacksBrowser: string | false = existsSync(executablePath)
  ? false
  : `There is no Chromium at ${executablePath}: 'apt-get install chromium', or set MAOS_TEST_CHROMIUM.`;
if (lacksBrowser !== false && process.env.CI) throw new Error(lacksBrowser);

type Ends = Pick<TestContext, 'after'>;

/** A real Chromium, for all tests of a file. */
export async function startBrowser(args: readonly string[] = []): Promise<Browser> {
  // Its sandbox does not work for root, as which containers run.
  const all = process.getuid?.() === 0 ? ['--no-sandbox', ...args] : [...args];
  return chromium.launch({ executablePath, args: all });
}

/** A real `maos serve --http` with a home of its own, and a page of it in a browser that is signed in. */
export interface Dashboard {
  readonly folder: MaosFolder;
  readonly server: HttpProcess;
  readonly url: string;
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the page should not have done: errors, and what its policy refused. */
  readonly faults: string[];
}

export async function openDashboard(
  t: Ends,
  browser: Browser,
  {
    folder,
    path = '',
    ...options
  }: BrowserContextOptions & { readonly folder?: MaosFolder; readonly path?: string } = {},
): Promise<Dashboard> {
  const place = folder ?? (await maosFolder(t));
  const server = await HttpProcess.start(t, place);
  const url = `http://127.0.0.1:${server.port}`;
  const context = await newContext(t, browser, options);
  const page = await context.newPage();
  const faults = watchFaults(page);
  await page.goto(await signInLink(place, url));
  if (path !== '') await page.goto(`${url}/${path}`);
  return { folder: place, server, url, context, page, faults };
}

/** A browser of its own, with its cookies and storage. */
export async function newContext(
  t: Ends,
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  t.after(() => context.close());
  // The machine may be busy with other tests.
  context.setDefaultTimeout(90_000);
  return context;
}

/** As `maos open` gets it. */
export async function signInLink(folder: MaosFolder, url: string): Promise<string> {
  const { token } = await folder.json<{ token: string }>('token');
  const answer = await fetch(`${url}/api/sign-in-links`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: '{}',
  });
  return ((await answer.json()) as { url: string }).url;
}

function watchFaults(page: Page): string[] {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.stack ?? error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || /Content Security Policy|TrustedHTML/.test(message.text()))
      faults.push(message.text());
  });
  return faults;
}
