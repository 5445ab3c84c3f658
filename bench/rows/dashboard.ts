import type { Browser, BrowserContext, Page } from 'playwright-core';
import { BusySession } from '../busy-session.ts';
import { MaosOverHttp } from '../http/server.ts';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

const perSecond = 50;
const eightHoursMs = 8 * 60 * 60 * 1_000;

/** The dashboard in a real Chromium, with a large team at work. */
export const dashboard: Row = {
  name: 'dashboard',
  async measure(options) {
    const { lacksBrowser, startBrowser } = await import('../../test/browser/browser.ts');
    if (lacksBrowser !== false) {
      options.say(`skipped: ${lacksBrowser}`);
      return [];
    }
    const browser = await startBrowser();
    try {
      return await inWorkplace({}, (place) => measure(place, browser, options));
    } finally {
      await browser.close();
    }
  },
};

async function measure(
  place: Workplace,
  browser: Browser,
  { quick, say }: BenchOptions,
): Promise<readonly Measurement[]> {
  const [agents, events] = quick ? [200, 10_000] : [200, 100_000];
  say(`storing ${agents} agents and ${events.toLocaleString('en')} events`);
  const session = await BusySession.start(place, agents, events);
  const maos = await MaosOverHttp.start(place).catch((error: unknown) => {
    session.close();
    throw error;
  });
  try {
    const context = await signedIn(browser, maos);
    const url = `http://127.0.0.1:${maos.port}/`;
    const size = `${agents} agents and ${events.toLocaleString('en')} events`;
    say('first views');
    const [views, empty] = await firstViews(
      browser,
      context,
      `${url}#/sessions/${session.id}`,
      quick ? 3 : 20,
    );
    const page = await context.newPage();
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.goto(`${url}#/sessions/${session.id}`);
    await page
      .locator('.node')
      .nth(agents - 1)
      .waitFor();
    const spanMs = quick ? 3_000 : 15_000;
    const idle = await blankFrames(context, spanMs);
    const measured: Measurement[] = [
      {
        what: `dashboard, ${size}: first view of the session`,
        unit: 'ms',
        maos: summarize(views),
        floor: { is: 'an empty page in the same browser', summary: summarize(empty) },
        basis: 'value',
        must: { typical: 2_000 },
        aim: { typical: 500 },
      },
    ];
    for (const view of ['graph', 'agents', 'events'] as const) {
      say(`frames of the ${view} while ${perSecond} events/s come in, for ${spanMs / 1_000} s`);
      await page.goto(`${url}#/sessions/${session.id}/${view}`);
      await page.locator({ graph: '.node', agents: 'tbody tr', events: '.event' }[view]).first().waitFor();
      const { frames, work } = await whileWorking(session, perSecond, () => framesOf(browser, page, spanMs));
      measured.push(
        {
          what: `dashboard, ${size}, ${perSecond} events/s: time between frames, ${view}`,
          unit: 'ms',
          maos: summarize(frames),
          floor: { is: 'an empty page in the same browser', summary: summarize(idle.frames) },
          basis: 'value',
          must: { p95: 50 },
          // A display of 60 Hz shows one every 16.7 ms, also of the empty page.
          aim: null,
        },
        {
          what: `the same: the page's own work for a frame, ${view}`,
          unit: 'ms',
          maos: summarize(work),
          floor: { is: 'an empty page in the same browser', summary: summarize(idle.work) },
          basis: 'value',
          must: { p95: 50 },
          aim: { p95: 16 },
        },
      );
    }
    const hours = quick ? 0.05 : 8;
    const count = Math.round((hours / 8) * (eightHoursMs / 1_000) * 2);
    say(`${hours} hours of events, two a second, as fast as they are read`);
    const { beforeMb, afterMb } = await memoryOver(session, page, count);
    measured.push({
      what: `memory of the page after ${hours} hours with two events a second`,
      unit: 'MB',
      maos: summarize([afterMb]),
      floor: { is: 'the same page before', summary: summarize([beforeMb]) },
      basis: 'difference',
      must: null,
      aim: null,
    });
    return measured;
  } finally {
    await maos.close();
    session.close();
  }
}

async function signedIn(browser: Browser, maos: MaosOverHttp): Promise<BrowserContext> {
  const answer = await fetch(`http://127.0.0.1:${maos.port}/api/sign-in-links`, {
    method: 'POST',
    headers: maos.headers,
    body: '{}',
  });
  const { url } = (await answer.json()) as { url: string };
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(url);
  await page.close();
  return context;
}

/** From the address until the graph is there, in browsers that have nothing of the page; and of an empty page. */
async function firstViews(
  browser: Browser,
  signedIn: BrowserContext,
  url: string,
  rounds: number,
): Promise<readonly [views: number[], empty: number[]]> {
  const [views, empty]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    const context = await browser.newContext({ storageState: await signedIn.storageState() });
    const page = await context.newPage();
    let before = performance.now();
    await page.goto('about:blank');
    empty.push(performance.now() - before);
    before = performance.now();
    await page.goto(url, { waitUntil: 'commit' });
    await page.locator('.node').first().waitFor();
    views.push(performance.now() - before);
    await context.close();
  }
  return [views, empty];
}

async function whileWorking<T>(session: BusySession, rate: number, measure: () => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const working = session.work(rate, stop.signal);
  try {
    return await measure();
  } finally {
    stop.abort();
    await working;
  }
}

async function blankFrames(context: BrowserContext, spanMs: number) {
  const page = await context.newPage();
  const frames = await framesOf(context.browser() as Browser, page, spanMs);
  await page.close();
  return frames;
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds, as `dur`. */
  readonly ts: number;
  readonly dur?: number;
}

/** By the browser's own tracing: the times between frames, and what its main thread worked for each, in milliseconds. */
async function framesOf(
  browser: Browser,
  page: Page,
  spanMs: number,
): Promise<{ readonly frames: readonly number[]; readonly work: readonly number[] }> {
  await page.bringToFront();
  await browser.startTracing(page, {
    categories: ['devtools.timeline', 'disabled-by-default-devtools.timeline'],
  });
  // A page that never changes has no frames.
  await page.evaluate(`new Promise((resolve) => {
    const until = performance.now() + ${spanMs};
    const next = () => performance.now() < until ? requestAnimationFrame(next) : resolve(null);
    next();
  })`);
  const { traceEvents } = JSON.parse(String(await browser.stopTracing())) as { traceEvents: TraceEvent[] };
  const fired = traceEvents.filter(({ name }) => name === 'FireAnimationFrame').sort((a, b) => a.ts - b.ts);
  const [first] = fired;
  if (first === undefined || fired.length < 20) throw new Error(`The trace has ${fired.length} frames.`);
  const tasks = traceEvents.filter(
    ({ name, pid, tid }) => name === 'RunTask' && pid === first.pid && tid === first.tid,
  );
  // Several callbacks may be of one frame.
  const starts = fired
    .map(({ ts }) => ts)
    .filter((ts, index, all) => index === 0 || ts - (all[index - 1] ?? 0) > 1_000);
  const frames = starts.slice(1).map((ts, index) => (ts - (starts[index] ?? 0)) / 1_000);
  const work = starts.slice(1).map((ts, index) => {
    const from = starts[index] ?? 0;
    const own = tasks.filter((task) => task.ts >= from && task.ts < ts);
    return own.reduce((sum, { dur = 0 }) => sum + dur, 0) / 1_000;
  });
  return { frames, work };
}

/** The heap after garbage was collected, before and after many events that the page was told of. */
async function memoryOver(session: BusySession, page: Page, count: number) {
  const tools = await page.context().newCDPSession(page);
  const heapMb = async (): Promise<number> => {
    await tools.send('HeapProfiler.collectGarbage');
    const { usedSize } = await tools.send('Runtime.getHeapUsage');
    return usedSize / 1024 ** 2;
  };
  const told = async (): Promise<void> => {
    const last = session.lastSeq.toLocaleString('en-US');
    await page.getByText(`of ${last} loaded`).waitFor({ timeout: 120_000 });
  };
  await told();
  const beforeMb = await heapMb();
  const goal = session.lastSeq + count;
  while (session.lastSeq < goal) {
    await whileWorking(session, 1_000, () => new Promise((resolve) => setTimeout(resolve, 2_000)));
    await told();
  }
  return { beforeMb, afterMb: await heapMb() };
}
