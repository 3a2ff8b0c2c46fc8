/** `portknockd check`: what a configuration comes to, for the person who wrote it. */
import { formatStep } from '../methods/plain-sequence/format.js';
import { windowLength } from '../methods/port-sequence/spelling.js';
import { findAccount } from '../system/account.js';
import { formatDuration, roughly } from '../system/duration.js';
import { describeCommand, mainCommand } from './command.js';
import type {
  ClientSettings,
  Commands,
  Config,
  Door,
  PortSequenceSettings,
  SequenceSettings,
} from './config.js';
import { formatService } from './schema.js';
import { type GuessingOdds, guessingOdds } from './series.js';
import { guardedServices } from './table.js';

export interface Checked {
  readonly text: string;
  readonly warnings: readonly string[];
}

export function check(config: Config): Checked {
  const { doors, clients, portSequence, alwaysAllow } = config;
  const lines = [
    `${config.file}: sound`,
    `guarded         ${guardedServices(config).join(', ') || 'no service'}`,
    `window          ${portSequence ? describeWindow(portSequence) : 'none: there is no [port_sequence]'}`,
    ...guessingOdds(config).map(odds => `numbers         ${describeOdds(config, odds)}`),
    `always allowed  ${alwaysAllow.map(({ text }) => text).join(', ') || 'nobody: only a knock opens'}`,
    ...doors.map(door => `door            ${describeDoor(door)}`),
    ...clients.map(client => `client          ${describeClient(client)}`),
  ];
  return { text: `${lines.join('\n')}\n`, warnings: [...config.warnings, ...surroundings(config)] };
}

function describeWindow({ basePort, spelling }: PortSequenceSettings): string {
  const needed = spelling === 'spread' ? 'any 19 of 32 SYNs' : '16 SYNs in order';
  return `tcp/${basePort} to ${basePort + windowLength[spelling] - 1}, a knock is ${needed} (spelling = "${spelling}")`;
}

function describeOdds({ sequenceNumber }: Config, { port, numbers, guesses, meanMs }: GuessingOdds): string {
  const start = `tcp/${port} ${numbers} good at once`;
  if (numbers === 0 || sequenceNumber === undefined) return `${start}: no client may use it`;
  const rate = sequenceNumber.guessesPerSecond;
  return `${start}: one guess in ${Math.round(guesses)} is right; at ${rate} a second one source needs ${roughly(meanMs)} on average, 1000 sources ${roughly(meanMs / 1000)}`;
}

function describeDoor(door: Door): string {
  const span = formatDuration(door.openForMs);
  if (door.kind === 'services') {
    const services = door.services.map(formatService).join(', ');
    if (isOpened(door)) {
      const once = door.singleUse ? ', for one connection' : '';
      const numbers = door.sequenceNumber ? '; a sequence number lets one connection in' : '';
      return `${describeKnock(door)} opens ${services} for ${span}${once}${numbers}`;
    }
    return `${door.name} (sequence number) lets one connection in to ${services}`;
  }
  const close = door.closeRun === undefined ? '' : `, and after ${span} ${named(door.closeRun)}`;
  return `${describeKnock(door)} runs ${named(door.run)}${close}`;
}

/** Whether something opens it for a time. */
function isOpened({ command, sequence }: Door): boolean {
  return command !== undefined || sequence !== undefined;
}

function named(commands: Commands): string {
  const command = mainCommand(commands);
  return command === undefined ? 'nothing' : describeCommand(command);
}

function describeKnock({ name, command, sequence }: Door): string {
  const ways = [
    ...(command === undefined ? [] : [`command ${command}`]),
    ...(sequence === undefined ? [] : [describeSequence(sequence)]),
  ];
  return `${name} (${ways.join('; ')})`;
}

function describeSequence({ steps, timeoutMs, oneTimeFile }: SequenceSettings): string {
  if (steps.length === 0) return `disabled: no sequence is left in ${oneTimeFile}`;
  const once = oneTimeFile === undefined ? 'sequence' : 'next one-time sequence';
  return `${once} ${steps.map(formatStep).join(' ')} within ${formatDuration(timeoutMs)}`;
}

function describeClient(client: ClientSettings): string {
  const kind =
    client.kind === 'sealed' ? `id ${client.id}` : client.kind === 'psk' ? 'sequence numbers' : client.kind;
  return `${client.name} (${kind}) may use ${client.doors.join(', ')}${client.revoked ? '; removed' : ''}`;
}

/** What is wrong with this machine rather than with the file. */
function surroundings({ user, doors, clients }: Config): string[] {
  const warnings: string[] = [];
  const accounts = [user, ...doors.flatMap(door => (door.kind === 'command' ? (door.runAs ?? []) : []))];
  for (const name of new Set(accounts)) {
    const account = findAccount(name);
    if (account === undefined) warnings.push(`there is no user "${name}" on this machine`);
  }
  if (findAccount(user)?.uid === 0) warnings.push(`the listener runs as ${user}: give it a user of its own`);
  const open = doors.some(({ sequence }) => (sequence?.steps.length ?? 0) > 0);
  if (!open && clients.every(({ revoked }) => revoked)) warnings.push('nobody can knock: there is no client');
  return warnings;
}
