import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Workplace } from './workplace.ts';

/** What is stored of agents and not shown: the conversations of their CLIs. */
export function storedAgents({
  maosHome,
}: Workplace): readonly { readonly id: string; readonly conversation: string | null }[] {
  const [file] = globSync(join(maosHome, 'projects', '*', 'project.db'));
  const store = new DatabaseSync(file ?? assert.fail('there is no store'), { readOnly: true });
  try {
    const rows = store.prepare('SELECT id, conversation FROM agents').all();
    return rows.map(({ id, conversation }) => ({
      id: String(id),
      conversation: conversation as string | null,
    }));
  } finally {
    store.close();
  }
}
