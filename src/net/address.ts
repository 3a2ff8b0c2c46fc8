/**
 * Addresses as 16 bytes, IPv6 or IPv4-mapped (RFC 4291 section 2.5.5.2), and their canonical text (RFC 5952).
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export const addressLength = 16;

/** Whether 16 bytes stand for an IPv4 address. */
export function isIPv4Mapped(address: Uint8Array): boolean {
  for (let at = 0; at < 10; at++) if (address[at] !== 0) return false;
  return address[10] === 0xff && address[11] === 0xff;
}

/** The 16 bytes of an address in text, or undefined where it is none. A zone ("%eth0") is none. */
export function parseAddress(text: string): Uint8Array | undefined {
  // isIP is the stricter of the two: ipaddr.js alone would take "1.2" and octal numbers.
  if (isIP(text) === 0 || text.includes('%')) return undefined;
  const parsed = ipaddr.parse(text);
  const mapped = parsed instanceof ipaddr.IPv4 ? parsed.toIPv4MappedAddress() : parsed;
  return Uint8Array.from(mapped.toByteArray());
}

/** The canonical text of 16 bytes: dotted for IPv4, RFC 5952 for IPv6. */
export function formatAddress(address: Uint8Array): string {
  if (isIPv4Mapped(address)) return `${address[12]}.${address[13]}.${address[14]}.${address[15]}`;
  return ipaddr.fromByteArray(Array.from(address)).toString();
}

/** A network in text, canonical ("192.0.2.0/24"; a lone address is a network of one), or undefined. */
export function parseNetwork(text: string): { readonly family: 4 | 6; readonly text: string } | undefined {
  const [host = '', length, ...rest] = text.split('/');
  const address = parseAddress(host);
  if (address === undefined || rest.length > 0) return undefined;
  const family = isIP(host) === 4 ? 4 : 6;
  // Their packets are IPv4: as an IPv6 network it would match nothing.
  if (family === 6 && isIPv4Mapped(address)) return undefined;
  const bits = family === 4 ? 32 : 128;
  if (length === undefined) return { family, text: `${formatAddress(address)}/${bits}` };
  if (!/^\d{1,3}$/.test(length) || Number(length) > bits) return undefined;
  const range = family === 4 ? ipaddr.IPv4 : ipaddr.IPv6;
  return {
    family,
    text: `${range.networkAddressFromCIDR(`${host}/${Number(length)}`).toString()}/${Number(length)}`,
  };
}

const behindNat = new Set([
  'unspecified',
  'loopback',
  'private',
  'carrierGradeNat',
  'linkLocal',
  'uniqueLocal',
]);

/** Whether an address is one that the far side sees as it is: not of the ranges that live behind a NAT. */
export function isPublic(address: Uint8Array): boolean {
  return !behindNat.has(ipaddr.process(formatAddress(address)).range());
}

/** Whether a single host on the network can be meant: not unspecified, multicast or broadcast. */
export function isUnicast(address: Uint8Array): boolean {
  if (!isIPv4Mapped(address)) return address[0] !== 0xff && address.some(byte => byte !== 0);
  // RFC 1122 section 3.2.1.3: 0/8 is this network, RFC 5771: 224/4 multicast; above it only broadcast is in use.
  return address[12] !== 0 && address[12]! < 224;
}
