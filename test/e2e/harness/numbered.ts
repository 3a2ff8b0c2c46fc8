/** Connections whose SYN has a number of the test's choice; needs CAP_NET_ADMIN in the namespace. */
import { isIPv6, type Socket } from 'node:net';
import { unread } from '../../../src/client/numbered.js';
import { NumberSeries } from '../../../src/methods/sequence-number/format.js';
import { openNumbered } from '../../../src/net/repair.js';

/** A socket that is yet to be connected. */
export function numberedSocket(address: string, number: number): Socket {
  return unread(openNumbered(isIPv6(address) ? 6 : 4, number));
}

/** The number of a psk for a port, so many periods from the one that is now. */
export function numberNow(psk: string, port: number, steps = 0, periodMs = 3_600_000): number {
  return new NumberSeries(Buffer.from(psk), port).at(Math.floor(Date.now() / periodMs) + steps);
}
