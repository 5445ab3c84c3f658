import { type Basis, isWithin, type Limit, type Measurement, typicalOf } from './measurement.ts';
import type { Summary } from './statistics.ts';

const headings = ['what', 'MAOS p50 / p99', 'floor p50 / p99', 'MAOS to floor', 'must', 'aim', 'floor is'];

/** The measurements as a Markdown table with aligned columns, also readable as plain text. */
export function renderTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map(toCells);
  const widths = headings.map((heading, column) =>
    Math.max(...[heading, ...rows.map((row) => row[column] ?? '')].map((cell) => cell.length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(headings), rule, ...rows.map(line)].join('\n');
}

function toCells(measurement: Measurement): readonly string[] {
  const { what, unit, maos, floor, must, aim } = measurement;
  return [
    what,
    `${formatSummary(maos)} ${unit}${must?.p95 === undefined ? '' : ` (p95 ${formatNumber(maos.p95)})`}`,
    floor === null ? '' : `${formatSummary(floor.summary)} ${unit}`,
    formatComparison(measurement),
    formatVerdict(measurement, must),
    formatVerdict(measurement, aim),
    floor?.is ?? '',
  ];
}

function formatSummary({ n, p50, p99 }: Summary): string {
  return n === 1 ? formatNumber(p50) : `${formatNumber(p50)} / ${formatNumber(p99)}`;
}

function formatComparison(measurement: Measurement): string {
  const { maos, floor, basis } = measurement;
  if (floor === null) return '';
  if (basis === 'difference') return `${signed(typicalOf(measurement))} ${measurement.unit}`;
  return floor.summary.p50 === 0 ? '' : `${(maos.p50 / floor.summary.p50).toFixed(2)}×`;
}

function formatVerdict(measurement: Measurement, limit: Limit | null): string {
  if (limit === null) return '';
  return `${formatLimit(limit, measurement.basis)} ${isWithin(measurement, limit) ? '✓' : '✗'}`;
}

function formatLimit({ typical, worst, p95 }: Limit, basis: Basis): string {
  if (p95 !== undefined) return `p95 ${p95}`;
  if (typical === undefined) return `p99 ${worst}`;
  const text = basis === 'ratio' ? `${typical}×` : basis === 'difference' ? `+${typical}` : `${typical}`;
  return worst === undefined ? text : `${text} / ${worst}`;
}

function formatNumber(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${formatNumber(Math.abs(value))}`;
}
