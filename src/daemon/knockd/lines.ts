/** The daemon's log entries → knockd's lines, letter by letter (knockd.c, version 0.8). */

import { noSequences } from '../turn.js';

/** One entry of the daemon's log. */
export interface LogEntry {
  /** pino's: 20 debug, 30 info, 40 warning, 50 error. */
  readonly level: number;
  readonly msg: string;
  readonly event?: string;
  /** Canonical address text. */
  readonly source?: string;
  readonly door?: string;
  readonly outcome?: string;
  readonly stage?: number;
  /** The stage that a refused sequence had reached. */
  readonly detail?: number;
  readonly phase?: string;
  readonly command?: string;
  readonly status?: number;
  /** Where knocks are heard. */
  readonly place?: string;
  readonly file?: string;
}

/** What is said of an entry: some lines end with an empty one. */
export interface KnockdLine {
  /** In the log file and syslog. */
  readonly log: string | undefined;
  /** What -v shows. */
  readonly screen: string | undefined;
}

const warning = 40;

/**
 * Undefined where knockd has nothing to say.
 * @param titleOf what the configuration calls a door
 * @param host the source's name, where it is to be told
 */
export function knockdLine(
  entry: LogEntry,
  titleOf: (door: string) => string,
  host: string | undefined,
): KnockdLine | undefined {
  const { event, level, msg } = entry;
  if (event === 'ready') {
    return {
      log: `starting up, listening on ${entry.place}`,
      screen: `listening on ${entry.place}...`,
    };
  }
  if (event === 'stopping') return { log: 'shutting down', screen: 'waiting for child processes...' };
  if (event === 'stopped') return { log: undefined, screen: 'closing...' };
  if (event === 'reloading') return { log: `re-reading config file: ${entry.file}\n`, screen: undefined };
  const text = knockdText(entry, titleOf, host);
  if (text !== undefined) return { log: text, screen: text.trimEnd() };
  // What knockd has no words for, and somebody must know.
  const isTrouble = level >= warning && (event !== 'knock' || entry.outcome === 'failed');
  return isTrouble ? { log: msg, screen: undefined } : undefined;
}

function knockdText(
  { event, msg, source, door = '', outcome, stage, detail, phase, command, status }: LogEntry,
  titleOf: (door: string) => string,
  host: string | undefined,
): string | undefined {
  const title = titleOf(door);
  const place = `${source}${host === undefined ? '' : ` (${host})`}: ${title}`;
  if (event === 'stage') return `${place}: Stage ${stage}`;
  if (event === 'knock' && (outcome === 'ran' || outcome === 'extended')) return `${place}: OPEN SESAME`;
  if (event === 'knock' && outcome === 'timed-out') return `${place}: sequence timeout (stage ${detail})\n`;
  if (event === 'closing') return `${place}: command timeout`;
  if (event === 'command' && phase === 'started') return cut(`${title}: running command: ${command}\n`);
  if (event === 'command' && phase === 'failed' && status !== undefined)
    return `${title}: command returned non-zero status code (${status})`;
  if (event === 'command' && phase === 'too-long') return msg;
  if (event === 'no-sequence') return `${noSequences(title)}\n`;
  return undefined;
}

/** knockd makes its lines in a buffer of 1024 bytes, the last of which is 0. */
const longestLine = 1023;

function cut(line: string): string {
  const bytes = Buffer.from(line);
  return bytes.length > longestLine ? bytes.toString('utf8', 0, longestLine) : line;
}
