import type { ParseText } from '../../application/ports/parsed-text.ts';
import { parseJson } from './json.ts';

/** The YAML parser takes about 10 ms to load, so it is loaded only for YAML. */
export const parseText: ParseText = async (source, format) => {
  if (format !== 'yaml') return parseJson(source, { comments: format === 'jsonc' });
  const { parseYaml } = await import('./yaml.ts');
  return parseYaml(source);
};
