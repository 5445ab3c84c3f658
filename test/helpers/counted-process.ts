/** Folder for the coverage reports of bundle processes; set by the test run that counts them. */
const reports = process.env.MAOS_TEST_BUNDLE_COVERAGE;
const counted = new Set<string>();

/**
 * The environment for a process of the bundle. Only the first process of each command in a test file writes coverage,
 * with its children, because coverage costs each process 0.1 s of CPU time.
 */
export function countedEnvironment(args: readonly string[], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const command = args.find((arg) => !arg.startsWith('-')) ?? '';
  if (reports === undefined || counted.has(command)) return env;
  counted.add(command);
  // Code from Node's compile cache has no counts within functions.
  return { ...env, NODE_V8_COVERAGE: reports, NODE_DISABLE_COMPILE_CACHE: '1' };
}
