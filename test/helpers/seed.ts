/**
 * The seed of the random draws in tests. It is the same in every run, so that a failure comes from a change and not from
 * the draw; `MAOS_SEED=N` draws others.
 */
export const seed = Number(process.env.MAOS_SEED ?? 20_261_127);
