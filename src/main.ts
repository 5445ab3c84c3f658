import { findJsonError } from './infrastructure/config/json-position.ts';
import { MaosRuntime } from './maos-runtime.ts';
import { runCli } from './presentation/cli/cli.ts';

process.exitCode = await runCli(process.argv.slice(2), (flags) => new MaosRuntime(flags), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  findJsonError,
});
