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

/** The command for a source (16 bytes), its placeholders filled in; undefined where there is none. @throws OperatorError */
export function readyCommand(
  commands: Commands | undefined,
  source: Uint8Array,
  values: Values,
): Started | undefined {
  const command = isIPv4Mapped(source) ? commands?.ipv4 : commands?.ipv6;
  return command && fill(command, values);
}

function fill(command: Command, values: Values): Started {
  if ('argv' in command) return { argv: fillPlaceholders(command.argv, values), inherits: false };
  const text = command.shell.replaceAll('%IP%', values.source);
  if (Buffer.byteLength(text) > longestShell) {
    throw new OperatorError('long-command', "parsed command has been truncated! --> won't execute it", {
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
