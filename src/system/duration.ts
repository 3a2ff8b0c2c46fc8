/** Spans of time as people write them: "500ms", "30s", "10m", "2h", "7d". */
import { OperatorError } from './error.js';

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds, or undefined where the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  const unit = units[match?.[2] ?? ''];
  return unit === undefined ? undefined : Number(match?.[1]) * unit;
}

/** The shortest such text: 90000 → "90s". */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const length = units[unit]!;
    // One day is told as 24 hours.
    const least = unit === 'd' ? 2 * length : length;
    if (ms >= least && ms % length === 0) return `${ms / length}${unit}`;
  }
  return ms > 10_000 ? `${Math.round(ms / 1000)}s` : `${Math.round(ms)}ms`;
}

/** A span for people, to two digits or so: 600123 → "10m". */
export function roughly(ms: number): string {
  const scale = [
    ['y', 31_557_600_000],
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const;
  const [unit, length] = scale.find(([, length]) => ms >= 2 * length) ?? ['ms', 1];
  return `${Math.round(ms / length)}${unit}`;
}

/** A duration from the command line, in milliseconds. @throws OperatorError `usage` */
export function durationArgument(name: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new OperatorError(
    'usage',
    `${name} expected a duration such as "30s", "500ms" or "10m", got "${text}"`,
  );
}
