/**
 * What the table has for challenges: the rules that have hellos and responses heard, and change nothing else about them.
 *
 * What becomes of such a datagram is as without us: nothing listens at that port, and the kernel answers, or the
 * administrator's own rules do not, as at every other. So a scan sees no difference, whatever it sends.
 *
 * Parts of the text that daemon/table.ts makes.
 */
import { helloLength, longestResponse } from '../methods/challenge/format.js';
import { challengePrefix } from './challengesite.js';
import type { Config } from './config.js';

/** The header of UDP, which its length counts. */
const headerLength = 8;
/** All of the longest, with the header of IPv6 and some extensions. */
const snapLength = 1400;

/** One source in a second, and at once; a right one sends a few. */
const rate = 'limit rate over 100/second burst 200 packets';
/** Of all sources: more would take the listener's time from other methods. */
const wholeRate = 'limit rate over 25000/second burst 2500 packets';
/** Whoever has one IPv6 address has all of its network. */
const network6 = 'ip6 saddr & ffff:ffff:ffff:ffff::';
/** To an address of ours: only from such a one can be answered. */
const toUs = 'fib daddr type local';

export const challengeSets = { ipv4: 'challenges4', ipv6: 'challenges6' } as const;

/** The rule that picks out what may be one of them, by port and length. */
export function challengeRule({ challenge }: Config): string {
  if (challenge === undefined) return '';
  const length = `${headerLength + helloLength}-${headerLength + longestResponse}`;
  return `    udp dport ${challenge.port} udp length ${length} ${toUs} jump challenge\n`;
}

export function challengeChain({ challenge, group }: Config): string {
  if (challenge === undefined) return '';
  return `  chain challenge {
    add @${challengeSets.ipv4} { ip saddr ${rate} } counter return
    add @${challengeSets.ipv6} { ${network6} ${rate} } counter return
    ${wholeRate} counter return
    counter log prefix "${challengePrefix}" group ${group} snaplen ${snapLength}
  }
`;
}
