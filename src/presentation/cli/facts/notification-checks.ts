import type { Runtime } from '../../../application/runtime.ts';
import { plural } from '../../../domain/amounts.ts';
import { isMaosError } from '../../../domain/errors.ts';
import type { Check } from './check.ts';

const recentMs = 7 * 86_400_000;
const maxLooked = 100;

/** Checks all projects for notifications that were given up in the last days. */
export async function checkNotifications(runtime: Runtime): Promise<Check> {
  const name = 'notifications';
  try {
    const since = new Date(Date.now() - recentMs).toISOString();
    const failed = [];
    for await (const { project } of runtime.allProjects()) {
      failed.push(...project.store.notifications.failures(since, maxLooked));
    }
    const [last] = failed.toSorted((a, b) => b.failedAt.localeCompare(a.failedAt));
    if (last === undefined) return { name, state: 'ok', detail: 'none failed in the last 7 days', fix: null };
    return {
      name,
      state: 'warning',
      detail: `${plural(failed.length, 'notification')} failed in the last 7 days, the last one by ${last.way}: ${last.reason}`,
      fix: "'maos doctor --notify' sends a test. 'maos config' shows what is set under notifications.",
    };
  } catch (error) {
    if (!isMaosError(error)) throw error;
    return { name, state: 'problem', detail: 'cannot be read', fix: error.message };
  }
}

/** Sends a test with the command and the webhook that are configured. */
export async function testNotifications(runtime: Runtime, projectPath: string): Promise<readonly Check[]> {
  const sent = await runtime.testNotifications(projectPath);
  if (sent.length === 0) {
    const detail = 'no command and no webhook is set';
    const fix = 'Set one, for example: maos config set notifications.command \'["notify-send", "MAOS"]\'';
    return [{ name: 'notify', state: 'warning', detail, fix }];
  }
  return sent.map(({ way, problem }): Check => {
    const name = `notify ${way}`;
    if (problem === null) return { name, state: 'ok', detail: 'a test was sent', fix: null };
    return { name, state: 'problem', detail: 'the test was not sent', fix: `${problem}.` };
  });
}
