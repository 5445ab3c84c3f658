// Writes the generated part of docs/configuration.md: every setting with its values, default and variable.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Setting } from '../../src/infrastructure/config/setting.ts';
import { settingsByKey } from '../../src/infrastructure/config/settings-table.ts';

const page = join(import.meta.dirname, '../../docs/configuration.md');

/** Defaults that depend on the machine. */
const reckoned: Readonly<Record<string, string>> = {
  'maxConcurrentAgents.machine': 'twice the cores, at least 4',
};

/** Settings that an option of the command line overrides. */
const flags: Readonly<Record<string, string>> = { backend: '`--backend`' };

/** The required content of the page. */
export function renderPage(): string {
  return readFileSync(page, 'utf8').replace(
    /(<!-- generated: settings -->\n).*?(<!-- end -->)/s,
    (_, begin: string, end: string) => `${begin}\n${tables()}\n\n${end}`,
  );
}

function tables(): string {
  const groups = Map.groupBy(settingsByKey, ([key]) => key.split('.')[0] ?? '');
  return [...groups]
    .toSorted(([, a], [, b]) => Number(a.length > 1) - Number(b.length > 1))
    .map(([, settings]) => settings)
    .reduce<(readonly [string, Setting<unknown>])[][]>((tables, settings) => {
      const last = tables.at(-1);
      // Settings outside any group share the first table.
      if (settings.length === 1 && last !== undefined) last.push(...settings);
      else tables.push([...settings]);
      return tables;
    }, [])
    .map(
      (settings, index) =>
        `### ${index === 0 ? 'General' : `\`${settings[0]?.[0].split('.')[0]}\``}\n\n${tableOf(settings)}`,
    )
    .join('\n\n');
}

function tableOf(settings: readonly (readonly [string, Setting<unknown>])[]): string {
  const rows = settings.flatMap(([key, setting]) => [
    rowOf(key, setting),
    ...Object.entries(setting.kind.fields ?? {}).map(([field, inner]) =>
      rowOf(`${key}.NAME.${field}`, { ...inner, variable: null, userOnly: false }),
    ),
  ]);
  const titles = ['setting', 'what it does', 'values', 'default', 'set by'];
  return [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function rowOf(key: string, { kind, fallback, description, variable, userOnly }: Setting<unknown>): string[] {
  const sources = [variable === null ? [] : [`\`${variable}\``], flags[key] ?? []].flat();
  const own = userOnly ? ' Only in your own file.' : '';
  const byDefault =
    reckoned[key] ?? (fallback === undefined ? 'none: it must be set' : `\`${JSON.stringify(fallback)}\``);
  return [`\`${key}\``, `${description}${own}`, kind.allowed, byDefault, sources.join(', ')].map(escaped);
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (process.argv[1] === import.meta.filename) writeFileSync(page, renderPage());
