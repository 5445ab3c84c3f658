import type { Page } from 'playwright-core';
import type { AgentTab, Route, SessionTab } from '../../src/presentation/page/route.ts';
import type { Scene } from './scene.ts';

type View = Exclude<Route['view'], 'session' | 'agent' | 'unknown'> | SessionTab | AgentTab;

/** The address of every view, with something in it. */
export const views: Readonly<Record<View, (scene: Scene) => string>> = {
  sessions: () => '#/',
  graph: ({ working }) => `#/sessions/${working}`,
  agents: ({ working }) => `#/sessions/${working}/agents`,
  timeline: ({ landed }) => `#/sessions/${landed}/timeline`,
  events: ({ working }) => `#/sessions/${working}/events`,
  messages: ({ working }) => `#/sessions/${working}/messages`,
  usage: ({ working }) => `#/sessions/${working}/usage`,
  landing: ({ landed }) => `#/sessions/${landed}/landing`,
  steps: ({ working }) => `#/sessions/${working}/agents/planner`,
  task: ({ working }) => `#/sessions/${working}/agents/planner/task`,
  stderr: ({ failed }) => `#/sessions/${failed}/agents/before/stderr`,
  files: ({ landed }) => `#/sessions/${landed}/agents/json/files`,
  diff: ({ landed }) => `#/sessions/${landed}/agents/csv/diff`,
  checks: ({ landed }) => `#/sessions/${landed}/agents/json/checks`,
  attempts: ({ failed }) => `#/sessions/${failed}/agents/before/attempts`,
  requests: () => '#/requests',
  new: () => '#/new',
};

/** Settles when the view has been drawn with what it loads. */
export async function showView(page: Page, path: string): Promise<void> {
  await page.goto(new URL(path, page.url()).href);
  for (let drawn = 0; drawn < 2; drawn++) {
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    await page.getByRole('status').filter({ hasText: 'Loading' }).first().waitFor({ state: 'detached' });
  }
}
