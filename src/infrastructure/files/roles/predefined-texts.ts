import { readFileSync } from 'node:fs';
import { predefinedRoleNames } from '../../../domain/roles/catalog.ts';

const folder = new URL('../../../roles/', import.meta.url);

/**
 * The Markdown of each predefined role, in listing order. The bundle contains the texts instead of this module
 * (tsup.config.ts).
 */
export const predefinedTexts: readonly string[] = predefinedRoleNames.map((name) =>
  readFileSync(new URL(`${name}.md`, folder), 'utf8'),
);
