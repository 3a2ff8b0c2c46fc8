/** A door's command made ready to be run for one source. */
import { isIPv4Mapped } from '../net/address.js';
import { OperatorError } from '../system/error.js';
import type { Command, Commands } from './config.js';

/** What stands in the place of placeholders. */
export interface Values {
  /** Canonical address text. */
  readonly source: string;
  readonly client: string;
  readonly door: string;
}

/** What is started. */
export interface Started {
  readonly argv: string[];
  /** Whether it is started as knockd would: with this process's environment, folder and outputs. */
  readonly inherits: boolean;
}

/** Bytes of a command of knockd's after `%IP%` has been put in (knockd.c). */
const longestShell = 4095;

/**
 * The command for a source (16 bytes), its placeholders filled in; undefined where there is none.
 * @param consequence of one that is too long, in knockd's words
 * @throws OperatorError `long-command`
 */
export function readyCommand(
  commands: Commands | undefined,
  source: Uint8Array,
  values: Values,
  consequence: keyof typeof tooLong = 'start',
): Started | undefined {
  const command = isIPv4Mapped(source) ? commands?.ipv4 : commands?.ipv6;
  return command && fill(command, values, tooLong[consequence]);
}

const tooLong = {
  start: "error: parsed start command has been truncated! --> won't execute it",
  stop: "error: parsed stop command has been truncated! --> won't execute start command",
} as const;

function fill(command: Command, values: Values, complaint: string): Started {
  if ('argv' in command) return { argv: fillPlaceholders(command.argv, values), inherits: false };
  const text = command.shell.replaceAll('%IP%', values.source);
  if (Buffer.byteLength(text) > longestShell) {
    throw new OperatorError('long-command', complaint, {
      hint: `with %IP% put in, a command must not be longer than ${longestShell} bytes`,
    });
  }
  return { argv: ['/bin/sh', '-c', text], inherits: true };
}

/** Puts source, client and door in the place of `{source}`, `{client}` and `{door}`. */
export function fillPlaceholders(argv: readonly string[], values: Values): string[] {
  // One pass: what is put in is not looked at again.
  return argv.map(argument =>
    argument.replace(/\{(source|client|door)\}/g, (_, name: keyof Values) => values[name]),
  );
}

/** As a person would write it, for messages; knockd's as it stands. */
export function describeCommand(command: Command): string {
  return 'argv' in command ? command.argv.join(' ') : command.shell;
}

/** The command that stands for both where there is only one to name. */
export function mainCommand({ ipv4, ipv6 }: Commands): Command | undefined {
  return ipv4 ?? ipv6;
}
