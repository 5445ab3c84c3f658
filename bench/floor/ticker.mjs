// The floor of event latency: writes the time at intervals, directly into a pipe.
let left = Number(process.argv[2]);
const tick = () => {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString() })}\n`);
  left -= 1;
  if (left > 0) setTimeout(tick, 5 + Math.random() * 20);
};
tick();
