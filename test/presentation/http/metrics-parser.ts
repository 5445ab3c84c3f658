export interface ParsedMetric {
  readonly type: 'counter' | 'gauge';
  readonly samples: { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"';
const sampleLine = new RegExp(
  `^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{(${label}(?:,${label})*)\\})? (-?(?:[0-9]+(?:\\.[0-9]+)?(?:e[+-]?[0-9]+)?)|NaN|[+-]Inf)$`,
);

/**
 * Parses Prometheus's text format, more strictly than required: each metric once, with HELP, then TYPE, then its
 * samples; names by convention; no time stamps, no empty lines. Throws on anything else.
 */
export function parseMetrics(text: string): ReadonlyMap<string, ParsedMetric> {
  if (!text.endsWith('\n')) throw new Error('The text does not end with a line feed.');
  const metrics = new Map<string, ParsedMetric>();
  const series = new Set<string>();
  let current: { readonly name: string; readonly metric: ParsedMetric | null } | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, helped] = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (?:[^\\]|\\[\\n])+$/.exec(line) ?? [];
    if (helped !== undefined) {
      if (metrics.has(helped)) throw new Error(`${helped} is there twice.`);
      current = { name: helped, metric: null };
      continue;
    }
    const [, typed, type] = /^# TYPE (\S+) (counter|gauge)$/.exec(line) ?? [];
    if (typed !== undefined) {
      if (current?.name !== typed || current.metric !== null)
        throw new Error(`${typed} has no HELP before it.`);
      if (typed.endsWith('_total') !== (type === 'counter'))
        throw new Error(`${typed}: counters end in _total.`);
      const metric: ParsedMetric = { type: type as ParsedMetric['type'], samples: [] };
      metrics.set(typed, metric);
      current = { name: typed, metric };
      continue;
    }
    const [, name, labels = '', number] = sampleLine.exec(line) ?? [];
    if (name === undefined || number === undefined) throw new Error(`This is no sample: ${line}`);
    if (current?.metric == null || current.name !== name)
      throw new Error(`${name} belongs to no metric above it.`);
    const pairs = [...labels.matchAll(new RegExp(label, 'g'))].map(([pair]) => pair);
    const key = `${name} ${pairs.sort().join()}`;
    if (series.has(key)) throw new Error(`${line} is there twice.`);
    series.add(key);
    const value = Number(number.replace('Inf', 'Infinity'));
    if (current.metric.type === 'counter' && !(value >= 0))
      throw new Error(`${line}: a counter is negative.`);
    current.metric.samples.push({ labels: Object.fromEntries(pairs.map(unescaped)), value });
  }
  return metrics;
}

function unescaped(pair: string): readonly [string, string] {
  const at = pair.indexOf('=');
  const text = pair.slice(at + 2, -1);
  return [
    pair.slice(0, at),
    text.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character)),
  ];
}
