// The floor of many running agents: spawns the given number of children and does nothing more until stdin ends.
import { spawn } from 'node:child_process';

const [count, program, ...args] = process.argv.slice(2);
const children = Array.from({ length: Number(count) }, () => spawn(program, args, { stdio: 'ignore' }));
process.stdout.write('all spawned\n');
process.stdin.resume().once('end', () => {
  for (const child of children) child.kill();
});
