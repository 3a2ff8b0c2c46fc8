/**
 * The daemon's log, on standard error: lines for people and journals, or JSON (pino's) for programs.
 */
import pino from 'pino';

export type LogFormat = 'text' | 'json';
export type Log = pino.Logger;

/** Another reader of the log: told everything, a line of JSON each. */
export interface Beside {
  /** What standard error is told from on. */
  readonly lowest: 'info' | 'warn';
  take(line: string): void;
}

/** @param format `json`: pino's lines; `text`: one message a line, with the journal's priorities where it reads us */
export function openLog(format: LogFormat, beside?: Beside): Log {
  const options =
    format === 'json'
      ? { name: 'portknockd', timestamp: pino.stdTimeFunctions.isoTime }
      : ({ base: null } as const);
  const own =
    format === 'json'
      ? pino.destination({ fd: 2, sync: true })
      : { write: (line: string) => process.stderr.write(plainLine(line)) };
  if (beside === undefined) return pino(options, own);
  const streams = [
    { level: beside.lowest, stream: own },
    { level: 'debug', stream: { write: (line: string) => beside.take(line) } },
  ] as const;
  return pino({ ...options, level: 'debug' }, pino.multistream([...streams]));
}

type Start = (level: number, time: number) => string;

function plainLine(line: string): string {
  // systemd says in JOURNAL_STREAM that standard error is the journal; there it knows the time, and wants sd-daemon(3).
  const start = process.env['JOURNAL_STREAM'] === undefined ? timeAndLevel : journalPriority;
  const { level, time, msg } = JSON.parse(line) as { level: number; time: number; msg: string };
  return `${start(level, time)}${msg}\n`;
}

const timeAndLevel: Start = (level, time) => {
  const word = level >= 50 ? 'error: ' : level >= 40 ? 'warning: ' : '';
  return `${new Date(time).toISOString()} portknockd: ${word}`;
};

const journalPriority: Start = level => `<${level >= 50 ? 3 : level >= 40 ? 4 : 6}>`;

/** A text of someone else's making (a command's output) made fit for one line of a log. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a0-\uffff]/g, '?').slice(0, 500);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
