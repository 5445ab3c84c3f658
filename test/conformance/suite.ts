import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { installClient } from '../helpers/client-installation.ts';

/** A release of the official conformance tool, and with which options it is run. */
export interface Suite {
  readonly version: string;
  readonly options: readonly string[];
}

/** What a scenario found. */
export interface ScenarioReport {
  readonly name: string;
  readonly passed: number;
  /** What went wrong, warnings included; empty when nothing did. */
  readonly failures: readonly string[];
}

export interface SuiteReport {
  readonly scenarios: readonly ScenarioReport[];
  /** How many scenarios the tool said it would run. */
  readonly announced: number;
  /** How the tool ended, and what it had to say to that. */
  readonly status: number | null;
  readonly stderr: string;
}

interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  readonly description: string;
  readonly errorMessage?: string;
}

/** A server that answers nothing makes every scenario wait for a limit of its own. */
const mostSuiteMs = 600_000;

/** @returns the tool's script */
export function installSuite({ version }: Suite): Promise<string> {
  return installClient({
    package: '@modelcontextprotocol/conformance',
    version,
    executable: 'conformance',
    folder: 'conformance',
    env: (home) => ({ HOME: home, PATH: `${dirname(process.execPath)}:/usr/bin:/bin` }),
  });
}

/**
 * Runs a suite against a server.
 * @param folder for its results; empty
 * @param baseline a file in the tool's own format that names the scenarios expected to fail; none: all must pass
 */
export async function runSuite(
  script: string,
  { options }: Suite,
  url: string,
  folder: string,
  baseline: string | null,
): Promise<SuiteReport> {
  const expected = baseline === null ? [] : ['--expected-failures', baseline];
  const args = [script, 'server', '--url', url, ...options, ...expected, '--output-dir', folder];
  const { status, stdout, stderr } = await runNode(args);
  const names = [...stdout.matchAll(/^=== Running scenario: (\S+) ===$/gm)].map(([, name]) => name as string);
  const files = await readdir(folder, { recursive: true });
  const scenarios = names.map(async (name): Promise<ScenarioReport> => {
    // The tool adds the time to the name of the scenario.
    const results = new RegExp(`^server-${name}-\\d{4}-\\d\\d-\\d\\dT[^/]*/checks\\.json$`);
    const own = files.find((file) => results.test(file));
    if (own === undefined) return { name, passed: 0, failures: ['the scenario broke off'] };
    const checks: readonly Check[] = JSON.parse(await readFile(join(folder, own), 'utf8'));
    const failed = checks.filter((check) => check.status === 'FAILURE' || check.status === 'WARNING');
    return {
      name,
      passed: checks.filter((check) => check.status === 'SUCCESS').length,
      failures: failed.map(
        ({ id, status, errorMessage, description }) => `${status} ${id}: ${errorMessage ?? description}`,
      ),
    };
  });
  const announced = Number(/^Running .* \((\d+) scenarios\)/m.exec(stdout)?.[1] ?? Number.NaN);
  return { scenarios: await Promise.all(scenarios), announced, status, stderr };
}

function runNode(
  args: readonly string[],
): Promise<Pick<SuiteReport, 'status' | 'stderr'> & { stdout: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      args,
      { maxBuffer: 2 ** 28, timeout: mostSuiteMs },
      (_, stdout, stderr) => {
        resolve({ status: child.exitCode, stdout, stderr });
      },
    );
  });
}
