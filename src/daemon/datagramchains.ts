/**
 * What the table has for datagrams: the rules that pick them out of all traffic, and those that shut the ports of no door.
 *
 * Parts of the text that daemon/table.ts makes.
 */
import { longestDatagram, shortestDatagram } from '../methods/datagram/format.js';
import type { Config } from './config.js';
import { datagramPrefix } from './datagramsite.js';

/** What both parts have in common with the rest of the table. */
export interface Surroundings {
  /** To this machine. */
  readonly toUs: string;
  /** Rules that let in who needs no knock. */
  readonly allowed: string;
  /** Services of doors, `tcp . 22` each. */
  readonly services: readonly string[];
  /** Rules that let in what belongs to connections that were there before the table. */
  readonly live: string;
}

/** The header of UDP, which its length counts. */
const headerLength = 8;
/** All of an IPv6 datagram of the greatest length, with room for extension headers. */
const snapLength = 4400;

/** One source in a second, and at once; a right one sends one, and a second if that was lost. */
const rate = 'limit rate over 100/second burst 200 packets';
/** Of all sources: more would take the listener's time from other methods, and the thread that verifies cannot do with more. */
const wholeRate = 'limit rate over 25000/second burst 2500 packets';
/** Whoever has one IPv6 address has all of its network. */
const network6 = 'ip6 saddr & ffff:ffff:ffff:ffff::';

export const datagramSets = { ipv4: 'datagrams4', ipv6: 'datagrams6' } as const;

/** The rule that picks out what may be one: by its length, and by its first four bytes, of either version. */
export function datagramRule({ datagram }: Config, { toUs }: Surroundings): string {
  if (datagram === undefined) return '';
  const length = `${headerLength + shortestDatagram}-${headerLength + longestDatagram}`;
  return `    meta l4proto udp udp length ${length} @th,64,32 { 0x61010000, 0x61000001 } ${toUs} jump datagram\n`;
}

/** Nothing that was picked out goes on, so nothing is answered, whatever listens at the port or does not. */
export function datagramChain({ datagram, group }: Config): string {
  if (datagram === undefined) return '';
  return `  chain datagram {
    add @${datagramSets.ipv4} { ip saddr ${rate} } counter drop
    add @${datagramSets.ipv6} { ${network6} ${rate} } counter drop
    ${wholeRate} counter drop
    counter log prefix "${datagramPrefix}" group ${group} snaplen ${snapLength}
    drop
  }
`;
}

/** What becomes of a TCP packet that nothing lets in, to a door or, with a policy, to any port: as at a port that is closed. */
export function closingVerdict({ datagram }: Config): string {
  return datagram?.policy === 'reject' ? 'reject with tcp reset' : 'drop';
}

/** The last rules of a chain. Over IPv6, TCP of Linux waits on when it is refused by ICMP; a reset ends it. */
export function closingRules(config: Config): string {
  if (config.datagram?.policy !== 'reject') return '    counter drop\n';
  return `    meta l4proto tcp counter ${closingVerdict(config)}
    counter reject with icmpx port-unreachable
`;
}

/**
 * Shuts TCP and UDP to the ports of no door. It hangs where only what is for this machine comes by, and lets pass what was
 * translated on its way here: whoever published that port meant it. Doors have been judged by the chain "guard".
 *
 * A SYN is judged even where connection tracking calls it established, as in that chain.
 */
export function policyChain(config: Config, { allowed, services, live }: Surroundings): string {
  const { datagram } = config;
  if (datagram === undefined || datagram.policy === 'none') return '';
  const doors =
    services.length === 0 ? '' : `    meta l4proto . th dport { ${services.join(', ')} } accept\n`;
  // sKnock leaves it open unless it is guarded, so that nobody locks himself out.
  const precaution = services.includes('tcp . 22') ? '' : '    tcp dport 22 accept\n';
  return `  chain others {
    type filter hook input priority filter; policy accept;
    iif lo accept
    meta l4proto != { tcp, udp } accept
    meta l4proto udp ct state established accept
    tcp flags & (fin|syn|rst|ack) != syn ct state established accept
    ct state related accept
    ct status dnat accept
${live}${allowed}${doors}${precaution}    udp sport 67 udp dport 68 accept
    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
    ip saddr . meta l4proto . th dport @open4 accept
    ip6 saddr . meta l4proto . th dport @open6 accept
${closingRules(config)}  }
`;
}
