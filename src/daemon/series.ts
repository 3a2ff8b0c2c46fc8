/** Which sequence numbers a configuration comes to: for whom, on which port, how many at once. */

import { createHash } from 'node:crypto';
import type { Periods } from '../methods/sequence-number/format.js';
import { tcp } from '../net/packet.js';
import type { Config, Door } from './config.js';

/** Room in the kernel's set of numbers. */
export const numberCapacity = 131_072;

/** One client at one service. */
export interface NumberSource {
  readonly psk: Uint8Array;
  /** The port that the numbers are derived for, and the one on which they are let in. */
  readonly derivedFor: number;
  readonly port: number;
}

/** The ports of the doors that take sequence numbers, each once, in order. */
export function numberedPorts(doors: readonly Door[]): number[] {
  const services = doors.flatMap(door =>
    door.kind === 'services' && door.sequenceNumber ? door.services : [],
  );
  const ports = services.filter(({ protocol }) => protocol === tcp).map(({ port }) => port);
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** Every client's ports, each once; of clients that have been revoked there is none. */
export function numberSources({
  doors,
  clients,
  sequenceNumber,
}: Pick<Config, 'doors' | 'clients' | 'sequenceNumber'>): NumberSource[] {
  if (sequenceNumber === undefined) return [];
  return clients.flatMap(client => {
    if (client.kind !== 'psk' || client.revoked) return [];
    const ports = numberedPorts(doors.filter(({ name }) => client.doors.includes(name)));
    return ports.map(port => ({ psk: client.psk, derivedFor: sequenceNumber.port ?? port, port }));
  });
}

/** What names a source without telling its psk. */
export function sourceName({ psk, derivedFor, port }: NumberSource, periodMs: number): string {
  const hash = createHash('sha256').update(`${derivedFor} ${periodMs} ${port} `).update(psk).digest('hex');
  return hash.slice(0, 16);
}

/** The most periods whose numbers are good at one moment. */
export function stepsAtOnce({ periodMs, toleranceMs }: Periods): number {
  return Math.ceil((2 * toleranceMs) / periodMs) + 1;
}

const allNumbers = 2 ** 32;

/** What guessing comes to at one port. */
export interface GuessingOdds {
  readonly port: number;
  /** Numbers that are good at one moment. */
  readonly numbers: number;
  /** How many guesses it takes on average. */
  readonly guesses: number;
  /** How long one source needs for them on average. */
  readonly meanMs: number;
}

export function guessingOdds(config: Pick<Config, 'doors' | 'clients' | 'sequenceNumber'>): GuessingOdds[] {
  const settings = config.sequenceNumber;
  if (settings === undefined) return [];
  const sources = numberSources(config);
  return numberedPorts(config.doors).map(port => {
    const numbers = sources.filter(source => source.port === port).length * stepsAtOnce(settings);
    const guesses = allNumbers / numbers;
    return { port, numbers, guesses, meanMs: (guesses / settings.guessesPerSecond) * 1000 };
  });
}
