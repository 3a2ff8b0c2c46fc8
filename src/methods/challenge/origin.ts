/**
 * The patterns of `from=` in authorized_keys: addresses, networks and wildcards, as sshd matches them (sshd(8), PATTERNS
 * in ssh_config(5)).
 *
 * Names of hosts match nothing: nobody is asked whose an address is, as with sshd's `UseDNS no`.
 */
import { formatAddress, isIPv4Mapped, parseAddress } from '../../net/address.js';

/**
 * Whether a source is one of those that are meant. Patterns that sshd finds wrong let nobody in.
 * @param patterns as they are written, with commas between them @param source 16 bytes
 */
export function matchesOrigin(patterns: string, source: Uint8Array): boolean {
  const text = formatAddress(source);
  let isFound = false;
  for (const written of patterns.split(',')) {
    const isNegated = written.startsWith('!');
    const pattern = isNegated ? written.slice(1) : written;
    const network = pattern === '' ? 'wrong' : readNetwork(pattern);
    if (network === 'wrong') return false;
    const matches = network === undefined ? isWildcard(pattern, text) : isWithin(source, network);
    if (matches && isNegated) return false;
    isFound ||= matches;
  }
  return isFound;
}

interface Network {
  readonly address: Uint8Array;
  readonly family: 4 | 6;
  /** Of the 16 bytes. */
  readonly bits: number;
}

/** @returns undefined where it is no address; 'wrong' where its length is not that of a network */
function readNetwork(pattern: string): Network | 'wrong' | undefined {
  const [, host = '', length] = /^([^/]*)(?:\/(\d+))?$/.exec(pattern) ?? [];
  const address = parseAddress(host);
  if (address === undefined) return undefined;
  const family = host.includes(':') ? 6 : 4;
  const before = family === 4 ? 96 : 0;
  const bits = length === undefined ? 128 : before + Number(length);
  if (bits > 128) return 'wrong';
  for (let bit = bits; bit < 128; bit++) if (bitAt(address, bit) !== 0) return 'wrong';
  return { address, family, bits };
}

function isWithin(source: Uint8Array, { address, family, bits }: Network): boolean {
  if (isIPv4Mapped(source) !== (family === 4)) return false;
  for (let bit = 0; bit < bits; bit++) if (bitAt(source, bit) !== bitAt(address, bit)) return false;
  return true;
}

function bitAt(address: Uint8Array, bit: number): number {
  return (address[bit >> 3]! >> (7 - (bit & 7))) & 1;
}

/** `*` stands for any number of characters, `?` for one. */
function isWildcard(pattern: string, text: string): boolean {
  // The last star takes as little as it can, and only its place is gone back to: no pattern takes long.
  let [at, on, star, mark] = [0, 0, -1, 0];
  while (on < text.length) {
    if (pattern[at] === '*') {
      star = at++;
      mark = on;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[on])) {
      at++;
      on++;
    } else if (star >= 0) {
      at = star + 1;
      on = ++mark;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
