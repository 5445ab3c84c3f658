import type { ParseText } from '../../application/ports/parsed-text.ts';
import { parseJson } from './json.ts';

/** YAML's parser takes some 10 ms to load: only what is YAML waits for it. */
export const parseText: ParseText = async (source, format) => {
  if (format !== 'yaml') return parseJson(source, { comments: format === 'jsonc' });
  const { parseYaml } = await import('./yaml.ts');
  return parseYaml(source);
};
