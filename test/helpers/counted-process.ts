/** Where the lines that processes of the bundle run are noted; set by the run that counts them. */
const reports = process.env.MAOS_TEST_BUNDLE_COVERAGE;
const counted = new Set<string>();

/**
 * The environment for a process of the bundle. The first of each command in a test file notes what it runs, and what it
 * starts does too: counting costs each process 0.1 s of computing.
 */
export function countedEnvironment(args: readonly string[], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const command = args.find((arg) => !arg.startsWith('-')) ?? '';
  if (reports === undefined || counted.has(command)) return env;
  counted.add(command);
  // What comes out of Node's cache has no counts within functions.
  return { ...env, NODE_V8_COVERAGE: reports, NODE_DISABLE_COMPILE_CACHE: '1' };
}
