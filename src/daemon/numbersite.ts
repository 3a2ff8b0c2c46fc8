/**
 * Sequence numbers in the listener: what it needs of the configuration, and what the kernel says with a packet.
 *
 * The first is plain JSON, as daemon/site.ts's is.
 */
import type { Periods } from '../methods/sequence-number/format.js';
import { type Fate, SequenceNumber } from '../methods/sequence-number/recognise.js';
import type { NumberClient, NumberDoor, NumberSite } from '../methods/sequence-number/site.js';
import type { Config } from './config.js';
import { numberedPorts } from './series.js';
import { bytes, hex } from './site.js';

/** What the table logs a SYN with, by what it has made of it. */
export const numberPrefixes: Readonly<Record<Fate, string>> = {
  admitted: 'number admitted',
  refused: 'number refused',
};

/** Keys are in hexadecimal. */
export interface NumberSiteSettings extends Periods {
  readonly port: number | undefined;
  readonly clients: readonly (Omit<NumberClient, 'psk'> & { readonly psk: string })[];
  readonly doors: readonly NumberDoor[];
}

/** Undefined where no door lets in sequence numbers. */
export function numberSettings({ doors, clients, sequenceNumber }: Config): NumberSiteSettings | undefined {
  if (sequenceNumber === undefined) return undefined;
  const { periodMs, toleranceMs, port } = sequenceNumber;
  return {
    ...{ periodMs, toleranceMs, port },
    clients: clients.flatMap(client => {
      if (client.kind !== 'psk') return [];
      const { name, psk, doors, revoked } = client;
      return [{ name, psk: hex(psk), doors, revoked }];
    }),
    doors: doors
      .map(door => ({ name: door.name, ports: numberedPorts([door]) }))
      .filter(({ ports }) => ports.length > 0),
  };
}

export function buildNumbers(settings: NumberSiteSettings): NumberSite {
  const { periodMs, toleranceMs, port, doors } = settings;
  const clients = settings.clients.map(({ psk, ...client }) => ({ ...client, psk: bytes(psk) }));
  return { periodMs, toleranceMs, port, clients, doors };
}

/** What the kernel has made of a packet, by what it logged it with; undefined: it is some other method's. */
export function fateOf(prefix: string): Fate | undefined {
  if (prefix === numberPrefixes.admitted) return 'admitted';
  return prefix === numberPrefixes.refused ? 'refused' : undefined;
}

/** The method as another configuration leaves it: what has been used stays used. */
export function adoptNumbers(
  method: SequenceNumber | undefined,
  settings: NumberSiteSettings | undefined,
): SequenceNumber | undefined {
  if (settings === undefined) return undefined;
  if (method === undefined) return new SequenceNumber(buildNumbers(settings));
  method.site = buildNumbers(settings);
  return method;
}
