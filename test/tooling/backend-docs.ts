// Writes the generated part of docs/backends.md: each backend's declared capabilities.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/infrastructure/config/config.ts';
import { capabilityWords } from '../../src/presentation/contracts/backend-facts.ts';
import { backendsOf } from '../../src/project-adapters.ts';

const page = join(import.meta.dirname, '../../docs/backends.md');
/** Settings that create backends, so that each of these has a row. */
const named = {
  agentClient: { name: { command: 'a program that speaks ACP' } },
  custom: { name: { command: ['a CLI of yours'] } },
};

/** Capabilities that the settings of a custom CLI decide. */
const settled: ReadonlySet<string> = new Set(['resumes', 'countsTokens', 'countsCost']);

/** The required content of the page. */
export async function renderPage(): Promise<string> {
  const table = await renderTable();
  return readFileSync(page, 'utf8').replace(
    /(<!-- generated: table -->\n).*?(<!-- end -->)/s,
    (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`,
  );
}

async function renderTable(): Promise<string> {
  const backends = backendsOf(configOf(named));
  const abilities = backends.names.map((name) => backends.get(name).capabilities);
  const words = capabilityWords.filter(({ key }) => abilities.some((can) => can[key]));
  const rows = await Promise.all(
    backends.names.map(async (name) => {
      const backend = backends.get(name);
      const { title, packageName, testedVersion } = await backend.probe();
      const cli = packageName === null ? title : `${title} (\`${packageName}\` ${testedVersion})`;
      const said = name === 'custom:name' ? 'as told' : '';
      const can = words.map(({ key }) => (backend.capabilities[key] ? 'yes' : settled.has(key) ? said : ''));
      return [`\`${name.replace(/:name$/, ':NAME')}\``, cli, ...can];
    }),
  );
  const headings = ['backend', 'runs, tested with', ...words.map(({ heading }) => heading)];
  const lines = [headings, headings.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Only these settings, on a machine without any CLI, so that installed ones have no influence. */
function configOf(backends: object) {
  const home = mkdtempSync(join(tmpdir(), 'maos-docs-'));
  try {
    writeFileSync(join(home, 'config.json'), JSON.stringify({ backends }));
    const { config } = loadConfig({ home, env: {} });
    return { ...config, environment: { ...config.environment, withhold: ['*'] } };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) writeFileSync(page, await renderPage());
