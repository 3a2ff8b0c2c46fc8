/** What may mend a mistake in knockd.conf, where knockd says only that there is one. */
import { closestMatch } from 'leven';

const globalKeys = ['usesyslog', 'logfile', 'pidfile', 'interface'];
const doorKeys = [
  'sequence',
  'one_time_sequences',
  'seq_timeout',
  'timeout',
  'tcpflags',
  'target',
  'start_command',
  'command',
  'start_command_6',
  'command_6',
  'cmd_timeout',
  'stop_command',
  'stop_command_6',
];

const sectionLine = 'the line of a section ends with its name: [openSSH], and no comment behind it';

/** For a line before the first section. */
export function hintForOutside(line: string): string {
  if (line.startsWith('\uFEFF')) return 'the file begins with a byte order mark: save it without';
  return strayLine(line) ?? 'begin a section above it: [options], or a door such as [openSSH]';
}

/** For a line that its section does not know. @param key in capitals */
export function hintForDirective(line: string, key: string, isGlobal: boolean, hasValue: boolean): string {
  const name = key.toLowerCase();
  const stray = strayLine(line);
  if (stray !== undefined) return stray;
  if (name === 'usesyslog') return 'write UseSyslog alone, without a value';
  const [known, elsewhere] = isGlobal ? [globalKeys, doorKeys] : [doorKeys, globalKeys];
  if (known.includes(name)) return `write ${name} = and a value`;
  if (elsewhere.includes(name)) {
    return isGlobal ? `${name} belongs to a door, such as [openSSH]` : `${name} belongs to [options]`;
  }
  if (!hasValue && /\s/.test(name)) return 'write key = value';
  const near = closestMatch(name, known, { maxDistance: 3 });
  return near === undefined ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`;
}

function strayLine(line: string): string | undefined {
  if (line.startsWith('[')) return sectionLine;
  return /^(;|\/\/)/.test(line) ? 'the line of a comment begins with #' : undefined;
}

/** For a sequence. */
export function hintForMistake(value: string, mistake: string): string {
  if (value.includes('#')) return 'no comment may stand behind the sequence';
  if (mistake.startsWith('port')) return 'ports go up to 65535';
  if (mistake.startsWith('too many')) return 'a sequence has at most 32 ports';
  return 'write tcp or udp behind the colon: 7000:tcp,8000:udp';
}

/** For a value of tcpflags, and the flag in it that is none. */
export function hintForFlag(value: string, flag: string): string {
  if (value.includes('#')) return 'no comment may stand behind the flags';
  if (/\s/.test(flag)) return 'no blanks may stand between flags: tcpflags = syn,!ack';
  return 'flags are fin, syn, rst, psh, ack and urg, each with ! before it where it must not be set';
}
