/**
 * The text of the table `inet portknock` for a configuration (DESIGN.md section 3). Loading it is daemon/firewall.ts's.
 *
 * Loaded again over itself it swaps all rules at once and leaves the sets of openings as they are.
 */
import type { Fate } from '../methods/sequence-number/recognise.js';
import type { PortRange } from '../net/filter.js';
import { challengeChain, challengeRule, challengeSets } from './challengechains.js';
import type { Config } from './config.js';
import {
  closingRules,
  closingVerdict,
  datagramChain,
  datagramRule,
  datagramSets,
  policyChain,
  type Surroundings,
} from './datagramchains.js';
import { namedSets, setNames } from './namedsets.js';
import { rulesMark } from './nfterror.js';
import { numberPrefixes } from './numbersite.js';
import { formatService } from './schema.js';
import { numberCapacity, numberedPorts } from './series.js';
import { windowOf, wishOf } from './wish.js';

export const tableName = 'portknock';

/** The sets that hold openings, by what an opening is good for and by its address family. */
export const openingSets = {
  many: { ipv4: 'open4', ipv6: 'open6' },
  single: { ipv4: 'once4', ipv6: 'once6' },
} as const;

/** The set of the sequence numbers that let a connection in, each on one port. */
export const numberSet = 'numbers';

/** The sets of connections that were there before the table (daemon/sessions.ts). */
export const liveSets = { ipv4: 'live4', ipv6: 'live6' } as const;

/**
 * One source in a second, and at once, before the kernel keeps it away from the daemon. Whoever sends more in a client's
 * name shuts that client out, for all at once come 32 SYNs of a knock and find nothing left: so it must be more than spoils
 * a knock anyway (DESIGN.md section 5).
 */
const noisyRate = 32_768;
const noisyBurst = 32_768;
/** Elements in a set of sources that are limited; when it is full, newcomers pass unlimited. */
const sourcesSize = 65535;

/** Bytes of a logged packet: IPv6, a chain of extension headers, TCP. */
const snapLength = 256;

/** To this machine, or to a group it may be in; not what is only passing through. */
const toUs = 'fib daddr type { local, broadcast, anycast, multicast }';

/** @param deletions commands that take away what an earlier configuration made */
export function tableText(config: Config, deletions = ''): string {
  const window = config.portSequence && portList(windowOf(config.portSequence).ports);
  return `table inet ${tableName}
flush table inet ${tableName}
${deletions}table inet ${tableName} {
${sets(config)}
${windowChains(config, window)}
${datagramChain(config)}${challengeChain(config)}${numberText(config)}${guardChain(config, window)}
  chain door {
${acceptRule('ip', 'open4')}
${acceptRule('ip6', 'open6')}
${acceptOnceRule('ip', 'once4')}
${acceptOnceRule('ip6', 'once6')}
${numberRule(config, 'guess')}${closingRules(config)}  }
${policyChain(config, surroundings(config))}${rulesText(config)}}
`;
}

/** The administrator's own rules, at the end: what they jump to or look into is there by then. */
function rulesText({ firewall: { rules } }: Config): string {
  return rules.length === 0 ? '' : `${rulesMark}\n${rules.map(({ text }) => `${text}\n`).join('')}`;
}

function surroundings(config: Config): Surroundings {
  const services = guardedServices(config).map(service => service.replace('/', ' . '));
  return { toUs, allowed: allowRules(config), services, live: liveRules };
}

function sets(config: Config): string {
  const { datagram, challenge } = config;
  const named = setNames(namedSets(config));
  return [
    openingSet('open4', 'ipv4_addr', 'timeout'),
    openingSet('open6', 'ipv6_addr', 'timeout'),
    openingSet('once4', 'ipv4_addr', 'dynamic,timeout', firstOnly),
    openingSet('once6', 'ipv6_addr', 'dynamic,timeout', firstOnly),
    liveSet(liveSets.ipv4, 'ipv4_addr'),
    liveSet(liveSets.ipv6, 'ipv6_addr'),
    sourceSet('noisy4', 'ipv4_addr', '1m'),
    sourceSet('noisy6', 'ipv6_addr', '1m'),
    ...(datagram === undefined ? [] : sourceSets(datagramSets)),
    ...(challenge === undefined ? [] : sourceSets(challengeSets)),
    // Last: the kernel finds a set by going through all of them, and those of openings are in a hurry.
    ...named.ipv4.map(name => namedSetText(name, 'ipv4_addr')),
    ...named.ipv6.map(name => namedSetText(name, 'ipv6_addr')),
  ].join('\n');
}

function windowChains(config: Config, window: string | undefined): string {
  const limit = `limit rate over ${noisyRate}/second burst ${noisyBurst} packets`;
  return `  chain window {
    type filter hook prerouting priority raw; policy accept;
    iif lo accept
${datagramRule(config, surroundings(config))}${challengeRule(config)}${windowRule(window)}${sequenceRules(config)}  }
  chain sequence {
    add @noisy4 { ip saddr ${limit} } counter return
    add @noisy6 { ip6 saddr ${limit} } counter return
    counter log group ${config.group} snaplen ${snapLength}
  }
  chain knock {
    add @noisy4 { ip saddr ${limit} } counter drop
    add @noisy6 { ip6 saddr ${limit} } counter drop
    counter log group ${config.group} snaplen ${snapLength}
    drop
  }`;
}

const liveRules = `    tcp flags & syn == 0 ip saddr . tcp sport . tcp dport @${liveSets.ipv4} accept
    tcp flags & syn == 0 ip6 saddr . tcp sport . tcp dport @${liveSets.ipv6} accept
`;

/**
 * A SYN is judged whatever connection tracking says of it: after a connection that its server ended with a reset, it
 * calls a new one from the same source port established.
 */
function guardChain(config: Config, window: string | undefined): string {
  return `  chain guard {
    type filter hook prerouting priority mangle; policy accept;
    meta l4proto != tcp ct state established,related accept
    tcp flags & (fin|syn|rst|ack) != syn ct state established,related accept
    iif lo accept
${liveRules}${numberRule(config, 'number', ` ${toUs}`)}${allowRules(config)}${closedWindowRule(window)}${doorRule(config)}  }`;
}

/** How long a source that has guessed too often is not let in. */
const guessingTimeout = '10s';
/** Refusals a second that the daemon hears of. */
const toldRefusals = 'limit rate 20/second burst 40 packets';

/**
 * For a set whose elements let one connection in each: the rule that does so takes the element away, and two processors may
 * have found it before either has. Every element has this limit for itself; it is locked, and lets the first pass.
 */
const firstOnly = '    limit rate 1/week burst 1 packets\n';

/**
 * Each number lets one connection in: the rule that does so takes it away.
 *
 * It is looked up before anything else can let its connection in: a number that has been on the way is used up, or whoever
 * saw it there could use it. Only what nothing lets in is a guess.
 */
function numberText(config: Config): string {
  if (config.sequenceNumber === undefined) return '';
  const rate = config.sequenceNumber.guessesPerSecond;
  const over = `limit rate over ${rate}/second burst ${10 * rate} packets`;
  const told = (fate: Fate) =>
    `log prefix "${numberPrefixes[fate]}" group ${config.group} snaplen ${snapLength}`;
  const shut = closingVerdict(config);
  // Whoever has one IPv6 address has all of its network.
  const six = 'ip6 saddr & ffff:ffff:ffff:ffff::';
  return `  set ${numberSet} {
    typeof tcp dport . tcp sequence
    size ${numberCapacity}
    flags dynamic,timeout
${firstOnly}  }
${sourceSet('guesses4', 'ipv4_addr', '1m')}
${sourceSet('guesses6', 'ipv6_addr', '1m')}
${sourceSet('guessing4', 'ipv4_addr', guessingTimeout)}
${sourceSet('guessing6', 'ipv6_addr', guessingTimeout)}
  chain admit {
    delete @${numberSet} { tcp dport . tcp sequence } ${told('admitted')} accept
  }
  chain number {
    ip saddr @guessing4 return
    ${six} @guessing6 return
    tcp dport . tcp sequence @${numberSet} goto admit
  }
  chain guess {
    ip saddr @guessing4 counter ${shut}
    ${six} @guessing6 counter ${shut}
    add @guesses4 { ip saddr ${over} } add @guessing4 { ip saddr } counter ${shut}
    add @guesses6 { ${six} ${over} } add @guessing6 { ${six} } counter ${shut}
    ${toldRefusals} ${told('refused')}
  }
`;
}

function numberRule(config: Config, chain: 'number' | 'guess', condition = ''): string {
  if (config.sequenceNumber === undefined) return '';
  const ports = numberedPorts(config.doors).join(', ');
  return `    tcp flags & (fin|syn|rst|ack) == syn tcp dport { ${ports} }${condition} jump ${chain}\n`;
}

/** Takes the table away, whether it is there or not. */
export const noTableText = `table inet ${tableName}\ndelete table inet ${tableName}\n`;

/** Takes the table away and puts it back empty of openings: for a table whose sets are of another version. */
export function freshTableText(config: Config): string {
  return noTableText + tableText(config);
}

/** The services that knocking guards, each once, as `tcp/22`, in order. */
export function guardedServices(config: Config): string[] {
  const services = config.doors.flatMap(door => (door.kind === 'services' ? door.services : []));
  return [...new Set(services.map(formatService))].sort();
}

function portList(ports: readonly PortRange[]): string {
  return ports.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
}

function openingSet(name: string, address: string, flags: string, more = ''): string {
  return `  set ${name} {
    type ${address} . inet_proto . inet_service
    size 65535
    flags ${flags}
${more}  }`;
}

/**
 * How many addresses have a door open, or one client's, at once. The kernel takes memory for all of them when the set is
 * made: 65,535 are 2 MiB, and with a thousand clients 4 GiB.
 */
const namedSizes = { door: 8192, client: 256 } as const;

/** Dynamic, so that a rule may take out whom it has let in. */
function namedSetText(name: string, address: string): string {
  return `  set ${name} {
    type ${address}
    size ${name.startsWith('door') ? namedSizes.door : namedSizes.client}
    flags dynamic,timeout
  }`;
}

function liveSet(name: string, address: string): string {
  return `  set ${name} {
    type ${address} . inet_service . inet_service
    size 65535
    flags timeout
  }`;
}

function sourceSet(name: string, address: string, timeout: string): string {
  return `  set ${name} {
    type ${address}
    size ${sourcesSize}
    flags dynamic,timeout
    timeout ${timeout}
  }`;
}

function sourceSets({ ipv4, ipv6 }: { readonly ipv4: string; readonly ipv6: string }): string[] {
  return [sourceSet(ipv4, 'ipv4_addr', '1m'), sourceSet(ipv6, 'ipv6_addr', '1m')];
}

function windowRule(window: string | undefined): string {
  if (window === undefined) return '';
  return `    tcp dport ${window} tcp flags & (fin|syn|rst|ack) == syn ${toUs} jump knock\n`;
}

/**
 * Plain sequences are only listened to: what becomes of their packets is as without us. A port that answered otherwise than
 * its neighbours would show the sequence, and one of them may belong to a service.
 */
function sequenceRules(config: Config): string {
  if (config.capture.from !== 'nflog') return '';
  const wish = wishOf(config.doors);
  const rule = (protocol: string, ports: readonly PortRange[], flags: string) =>
    `    ${protocol} dport { ${portList(ports)} } ${flags}${toUs} goto sequence\n`;
  const tcp = wish.tcp.map(({ ports, mask, value }) =>
    rule('tcp', ports, mask === 0 ? '' : `tcp flags & ${mask} == ${value} `),
  );
  return [...tcp, ...(wish.udp.length === 0 ? [] : [rule('udp', wish.udp, '')])].join('');
}

/** What is no SYN would be answered with a reset, and show the window to a scanner. */
function closedWindowRule(window: string | undefined): string {
  return window === undefined ? '' : `    tcp dport ${window} ${toUs} drop\n`;
}

function allowRules({ alwaysAllow }: Config): string {
  const rule = (family: 4 | 6, keyword: string) => {
    const networks = alwaysAllow.filter(network => network.family === family).map(({ text }) => text);
    return networks.length === 0 ? '' : `    ${keyword} saddr { ${networks.join(', ')} } accept\n`;
  };
  return rule(4, 'ip') + rule(6, 'ip6');
}

function doorRule(config: Config): string {
  const { services } = surroundings(config);
  if (services.length === 0) return '';
  return `    ${toUs} meta l4proto . th dport { ${services.join(', ')} } jump door\n`;
}

function acceptRule(family: 'ip' | 'ip6', set: string): string {
  return `    ${family} saddr . meta l4proto . th dport @${set} accept`;
}

/** The rule that lets the one connection in takes the permission away in the same step. */
function acceptOnceRule(family: 'ip' | 'ip6', set: string): string {
  const key = `${family} saddr . meta l4proto . th dport`;
  return `    ${key} @${set} delete @${set} { ${key} } accept`;
}
