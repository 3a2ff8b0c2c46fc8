/** Hosts as addresses: the first of each family, and the local address that the kernel uses towards it. */
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { formatAddress, isIPv4Mapped, isPublic, parseAddress } from '../net/address.js';
import { errorCode } from '../system/error.js';
import { KnockError } from './failure.js';
import type { Family } from './result.js';

/** An address to knock at, with its zone where it has one. */
export interface Target {
  readonly family: Family;
  readonly address: string;
}

/**
 * The first address of each family that a host has, in the order of the resolver.
 * @param family only this one, where given
 * @throws KnockError `no-address`
 */
export async function resolveHost(host: string, family: Family | undefined): Promise<Target[]> {
  const all = host === '' ? [] : isIP(host) === 0 ? await lookUp(host) : [literal(host)];
  const first = all.filter(
    (target, index) => all.findIndex(other => other.family === target.family) === index,
  );
  const wanted = first.filter(target => family === undefined || target.family === family);
  if (wanted.length > 0) return wanted;
  // Of the empty name there is nothing to be told but that.
  if (family === undefined) throw new KnockError('no-address', `"${host}": no such host`);
  throw new KnockError('no-address', `${host} has no IPv${family} address`, {
    hint: `leave out -${family}`,
  });
}

async function lookUp(host: string): Promise<Target[]> {
  try {
    const found = await lookup(host, { all: true, verbatim: true });
    return found.map(({ address }) => literal(address));
  } catch (error) {
    const why = errorCode(error) === 'ENOTFOUND' ? 'no such host' : `name service: ${errorCode(error)}`;
    throw new KnockError('no-address', `${host}: ${why}`, {
      hint: 'check the name and the connection to the network, or give the address',
    });
  }
}

/** An address as the kernel will treat it: ::ffff:192.0.2.1 is knocked at as 192.0.2.1. */
function literal(address: string): Target {
  const bytes = parseAddress(address);
  if (bytes === undefined) return { family: 6, address };
  return { family: isIPv4Mapped(bytes) ? 4 : 6, address: formatAddress(bytes) };
}

/**
 * The local address that the kernel uses towards a target, without a zone. Nothing is sent.
 * @throws Error of Node with its `code`, such as ENETUNREACH
 */
export function localAddress({ family, address }: Target): Promise<string> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  const found = new Promise<string>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('connect', () => resolve(socket.address().address.replace(/%.*/, '')));
    // Given a callback, it would tell of an error as of success.
    socket.connect(9, address);
  });
  return found.finally(() => socket.close());
}

/** Whether the Internet sees an address as it is; one with a zone it never sees. */
export function isSeenOutside(address: string): boolean {
  const bytes = parseAddress(address);
  return bytes !== undefined && isPublic(bytes);
}
