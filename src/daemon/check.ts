/** `portknockd check`: what a configuration comes to, for the person who wrote it. */
import { formatStep } from '../methods/plain-sequence/format.js';
import { windowLength } from '../methods/port-sequence/spelling.js';
import { findAccount } from '../system/account.js';
import { formatDuration, roughly } from '../system/duration.js';
import { describeCertificate } from './certificates.js';
import { describeCommand, mainCommand } from './command.js';
import type {
  ClientSettings,
  Commands,
  Config,
  DatagramSettings,
  Door,
  PortSequenceSettings,
  SequenceSettings,
} from './config.js';
import { hasTable } from './namedsets.js';
import { formatService } from './schema.js';
import { type GuessingOdds, guessingOdds } from './series.js';
import { guardedServices } from './table.js';

export interface Checked {
  readonly text: string;
  readonly warnings: readonly string[];
}

export function check(config: Config): Checked {
  const { doors, clients, portSequence, datagram, alwaysAllow } = config;
  const lines = [
    `${config.file}: sound`,
    `guarded         ${describeGuarded(config)}`,
    ...(config.firewall.backend === 'ipset'
      ? ['firewall        ipset: rules of iptables look into the sets']
      : []),
    `window          ${portSequence ? describeWindow(portSequence) : 'none: there is no [port_sequence]'}`,
    ...guessingOdds(config).map(odds => `numbers         ${describeOdds(config, odds)}`),
    ...(datagram === undefined ? [] : describeDatagrams(datagram)),
    `always allowed  ${alwaysAllow.map(({ text }) => text).join(', ') || 'nobody: only a knock opens'}`,
    ...doors.map(door => `door            ${describeDoor(door, datagram)}`),
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

function describeGuarded(config: Config): string {
  if (!hasTable(config)) return 'what rules of iptables say';
  const services = guardedServices(config);
  const policy = config.datagram?.policy ?? 'none';
  if (policy === 'none') return services.join(', ') || 'no service';
  const but = services.includes('tcp/22') ? '' : ' but tcp/22, which no door has';
  const others = `TCP and UDP to all ${services.length === 0 ? '' : 'other '}ports${but} (policy = "${policy}")`;
  return [...services, others].join(', ');
}

function describeDatagrams({ authorities, serverCertificate, ...settings }: DatagramSettings): string[] {
  const { openForMs, skewMs, policy, allowOtherAddress, revocation } = settings;
  const what = policy === 'none' ? 'a service of a door' : 'any port';
  const from = allowOtherAddress ? ', wherever it comes from' : '';
  const { file, url, refreshMs, required } = revocation;
  const lists = [...(file === undefined ? [] : [file.path]), ...(url === undefined ? [] : [url])];
  const needed = required ? '; without one in date nobody gets in' : '';
  const every = `, read every ${formatDuration(refreshMs)}${needed}`;
  return [
    `datagrams       open ${what} for ${formatDuration(openForMs)}, clocks within ${formatDuration(skewMs)}${from}`,
    `server          ${describeCertificate(serverCertificate)}`,
    ...authorities.map(authority => `authority       ${describeCertificate(authority)}`),
    `revoked         ${lists.length === 0 ? 'nobody: there is no list' : lists.join(' and ') + every}`,
  ];
}

function describeDoor(door: Door, datagram: DatagramSettings | undefined): string {
  const span = formatDuration(door.openForMs);
  if (door.kind === 'services') {
    const services = door.services.map(formatService).join(', ') || 'its named sets';
    const [one, these] = door.services.length === 1 ? ['it', ''] : ['one of them', 'one of '];
    const datagramSpan = formatDuration(datagram?.openForMs ?? 0);
    const once = door.singleUse ? ', for one connection' : '';
    const byDatagram = door.datagram ? `; a datagram opens ${one} for ${datagramSpan}` : '';
    if (isOpened(door)) {
      const numbers = door.sequenceNumber ? '; a sequence number lets one connection in' : '';
      return `${describeKnock(door)} opens ${services} for ${span}${once}${numbers}${byDatagram}`;
    }
    if (door.sequenceNumber) {
      return `${door.name} (sequence number) lets one connection in to ${services}${byDatagram}`;
    }
    return `${door.name} (datagram) opens ${these}${services} for ${datagramSpan}${once}`;
  }
  const close = door.closeRun === undefined ? '' : `, and after ${span} ${named(door.closeRun)}`;
  return `${describeKnock(door)} runs ${named(door.run)}${close}`;
}

/** Whether a client's knock or a sequence opens it for a time. */
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
function surroundings({ user, doors, clients, datagram }: Config): string[] {
  const warnings: string[] = [];
  const accounts = [user, ...doors.flatMap(door => (door.kind === 'command' ? (door.runAs ?? []) : []))];
  for (const name of new Set(accounts)) {
    const account = findAccount(name);
    if (account === undefined) warnings.push(`there is no user "${name}" on this machine`);
  }
  if (findAccount(user)?.uid === 0) warnings.push(`the listener runs as ${user}: give it a user of its own`);
  const open = doors.some(({ sequence }) => (sequence?.steps.length ?? 0) > 0);
  // Who has a certificate is not known here.
  if (!open && datagram === undefined && clients.every(({ revoked }) => revoked))
    warnings.push('nobody can knock: there is no client');
  return warnings;
}
