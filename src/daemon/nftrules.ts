/** Rules of iptables → chains for our table (`rules.d/*.nft`). What it does not know stays where it was, as a comment. */
import type { Line, RuleLine, Sigknock } from './iptables.js';
import { namedSet } from './setnames.js';

/** Type, hook and priority of the chains that iptables has (iptables(8), nft(8)). */
const hooks: Readonly<Record<string, readonly [type: string, priority: string, chains: readonly string[]]>> =
  {
    raw: ['filter', 'raw', ['PREROUTING', 'OUTPUT']],
    mangle: ['filter', 'mangle', ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']],
    filter: ['filter', 'filter', ['INPUT', 'FORWARD', 'OUTPUT']],
    nat: ['nat', '', ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING']],
  };
const natPriority: Readonly<Record<string, string>> = {
  PREROUTING: 'dstnat',
  INPUT: '100',
  OUTPUT: '-100',
  POSTROUTING: 'srcnat',
};

interface Chain {
  readonly table: string;
  readonly name: string;
  readonly rules: string[];
  readonly policies: string[];
}

/** @param clientOf the client that a user id is of */
export function toNftables(lines: readonly Line[], clientOf: (uid: string) => string): string {
  const chains = new Map<string, Chain>();
  const made = new Set(lines.flatMap(line => ('chain' in line ? [`${line.table} ${line.chain}`] : [])));
  const locks: string[] = [];
  const outside: string[] = [];
  const chainOf = (table: string, name: string): Chain => {
    const key = `${table} ${name}`;
    const chain = chains.get(key) ?? { table, name, rules: [], policies: [] };
    chains.set(key, chain);
    return chain;
  };
  let pending: string[] = [];
  for (const line of lines) {
    if (line.kind === 'comment') pending.push(`# ${line.text}`.trimEnd());
    else if (line.kind === 'other' || isStrange(line)) pending.push(...untranslated(line.text));
    else if (line.kind === 'policy' || line.kind === 'rule') {
      const chain = chainOf(line.table, line.chain);
      if (line.kind === 'rule') {
        const text = line.command === '-N' ? [] : ruleText(line, made, locks, clientOf);
        if (line.command === '-I') chain.rules.unshift(...pending, ...text);
        else chain.rules.push(...pending, ...text);
      } else {
        chain.rules.push(...pending);
        if (line.policy !== 'ACCEPT' && line.policy !== '-')
          chain.policies.push(`meta nfproto ipv${line.family} ${line.policy.toLowerCase()}`);
      }
      pending = [];
    }
  }
  outside.push(...pending);
  const texts = [...chains.values()].filter(
    chain => chain.rules.length + chain.policies.length > 0 || !isBase(chain),
  );
  return [...locks, ...texts.map(chainText), ...outside.map(line => `${line}\n`)].join('');
}

/** What has no place in our table, or could not be written there. */
function isStrange(line: Line): boolean {
  if (line.kind !== 'policy' && line.kind !== 'rule') return false;
  if (hooks[line.table] === undefined || !chainPattern.test(line.chain)) return true;
  return line.kind === 'policy' && !/^(?:ACCEPT|DROP|-)$/.test(line.policy);
}

const chainPattern = /^[\w-]+$/;

function isBase({ table, name }: Pick<Chain, 'table' | 'name'>): boolean {
  return hooks[table]?.[2].includes(name) === true;
}

function nameOf(table: string, name: string): string {
  if (isBase({ table, name })) return `${table}_${name.toLowerCase()}`;
  const isLikeBase = name === name.toLowerCase() && isBase({ table, name: name.toUpperCase() });
  return `${table}_${isLikeBase ? 'own_' : ''}${name}`;
}

function chainText(chain: Chain): string {
  const { table, name, rules, policies } = chain;
  const [type = '', priority = ''] = hooks[table] ?? [];
  const kind = table === 'mangle' && name === 'OUTPUT' ? 'route' : type;
  const order = table === 'nat' ? natPriority[name] : priority;
  const head = isBase(chain)
    ? `  type ${kind} hook ${name.toLowerCase()} priority ${order}; policy accept;\n`
    : '';
  const body = [...rules, ...policies].map(rule => `  ${rule}\n`).join('');
  return `chain ${nameOf(table, name)} {\n${head}${body}}\n`;
}

function untranslated(text: string): string[] {
  return text.split('\n').map(line => `# not translated: ${line.trim()}`);
}

/** @param made the chains that there are, as `table name` */
function ruleText(
  line: RuleLine,
  made: ReadonlySet<string>,
  locks: string[],
  clientOf: (uid: string) => string,
): string[] {
  const isFirst = line.command !== '-I' || !/^\d+$/.test(line.words[0] ?? '') || line.words[0] === '1';
  const words = line.command === '-I' && line.words[0] === '1' ? line.words.slice(1) : line.words;
  const parts = isFirst ? partsOf(words, line, made) : undefined;
  if (parts === undefined) return untranslated(line.text);
  const { conditions, verdict } = parts;
  const match = line.sigknock && sigknockText(line, line.sigknock, locks, clientOf);
  const isOfFamily = match !== undefined || conditions.some(condition => /^ip6? /.test(condition));
  const family = isOfFamily ? [] : [`meta nfproto ipv${line.family}`];
  const all = [...family, ...conditions, ...(match?.conditions ?? []), ...(match?.statements ?? []), verdict];
  return [all.filter(Boolean).join(' ')];
}

/** Last of the conditions: what is taken out was let in. Two processors at once may find it there; the lock lets one pass. */
function sigknockText(
  { family, chain }: RuleLine,
  { uid, isInverted, closes }: Sigknock,
  locks: string[],
  clientOf: (uid: string) => string,
) {
  const sets = namedSet('client', clientOf(uid));
  const [keyword, type, set] =
    family === 4 ? (['ip', 'ipv4_addr', sets.ipv4] as const) : (['ip6', 'ipv6_addr', sets.ipv6] as const);
  const address = `${keyword} ${chain === 'OUTPUT' ? 'daddr' : 'saddr'}`;
  const conditions = [`${address} ${isInverted ? '!= ' : ''}@${set}`];
  if (!closes) return { conditions, statements: [] };
  const lock = `sigknock_${locks.length + 1}`;
  locks.push(`set ${lock} {\n  type ${type}\n  size 65535\n  flags dynamic,timeout\n  timeout 1s\n}\n`);
  const first = `update @${lock} { ${address} limit rate 1/second burst 1 packets }`;
  return { conditions, statements: [first, `delete @${set} { ${address} }`] };
}

const verdicts: Readonly<Record<string, string>> = {
  ACCEPT: 'accept',
  DROP: 'drop',
  RETURN: 'return',
  REJECT: 'reject',
  MASQUERADE: 'masquerade',
};

/** Words that are good without a word behind them, and say nothing. */
const known = { modules: ['tcp', 'udp', 'state', 'conntrack', 'multiport'] } as const;

/** What a rule asks for and does, in nft's words; undefined where something in it is not known here. */
function partsOf(words: readonly string[], { family, table }: RuleLine, made: ReadonlySet<string>) {
  const conditions: string[] = [];
  let protocol = '';
  let verdict = '';
  let hasPort = false;
  for (let at = 0; at < words.length; at += 2) {
    const isNot = words[at] === '!';
    if (isNot) at++;
    const word = words[at]!;
    const value = words[at + 1] ?? '';
    const not = isNot ? '!= ' : '';
    if (word === '--syn') {
      conditions.push(`tcp flags & (fin|syn|rst|ack) ${isNot ? '!=' : '=='} syn`);
      hasPort = true;
      at--;
    } else if (value === '') return undefined;
    else if (word === '-j' || word === '--jump' || word === '-g') {
      if (verdict !== '' || isNot) return undefined;
      const isChain =
        made.has(`${table} ${value}`) && chainPattern.test(value) && !isBase({ table, name: value });
      verdict = isChain
        ? `${word === '-g' ? 'goto' : 'jump'} ${nameOf(table, value)}`
        : (verdicts[value] ?? '');
      if (verdict === '') return undefined;
    } else if (word === '-m' || word === '--match') {
      if (isNot || !known.modules.some(module => module === value)) return undefined;
    } else if (word === '-p' || word === '--protocol') {
      if (!/^(?:tcp|udp|icmp|icmpv6|ipv6-icmp)$/.test(value) || isNot) return undefined;
      protocol = value;
    } else {
      const condition = conditionOf(word, not, value, protocol, family);
      if (condition === undefined) return undefined;
      hasPort ||= portPattern.test(word);
      conditions.push(condition);
    }
  }
  if (protocol !== '' && !hasPort) conditions.unshift(`meta l4proto ${protocol}`);
  return { conditions, verdict };
}

const portPattern = /^--(d|s|destination-|source-)ports?$/;
/** Nothing that could end a quoted text or a rule. */
const plainPattern = /^[\w.:/,+@-]+$/;

function conditionOf(
  word: string,
  not: string,
  value: string,
  protocol: string,
  family: 4 | 6,
): string | undefined {
  const keyword = family === 4 ? 'ip' : 'ip6';
  if (!plainPattern.test(value)) return undefined;
  const side = /^(?:-([sd])|--(s|d)(?:ource|rc|estination|st))$/.exec(word);
  if (side !== null) {
    const networks = addresses(value);
    return networks && `${keyword} ${side[1] ?? side[2]}addr ${not}${networks}`;
  }
  if (/^(?:-i|--in-interface)$/.test(word)) return `iifname ${not}"${value.replace(/\+$/, '*')}"`;
  if (/^(?:-o|--out-interface)$/.test(word)) return `oifname ${not}"${value.replace(/\+$/, '*')}"`;
  if (word === '--state' || word === '--ctstate') {
    const isKnown = /^(?:(?:NEW|ESTABLISHED|RELATED|INVALID|UNTRACKED),?)+$/.test(value);
    return isKnown ? `ct state ${not}${value.toLowerCase()}` : undefined;
  }
  const which = portPattern.exec(word)?.[1];
  if (which === undefined || !/^(?:tcp|udp)$/.test(protocol) || !/^[\w,:-]+$/.test(value)) return undefined;
  const ports = value.replace(/^:/, '0:').replace(/:$/, ':65535').replaceAll(':', '-');
  return `${protocol} ${which[0]}port ${not}${ports.includes(',') ? `{ ${ports.replaceAll(',', ', ')} }` : ports}`;
}

/** @returns undefined where a mask is no prefix */
function addresses(value: string): string | undefined {
  const networks = value.split(',').map(network => {
    const [, address, mask = ''] = /^(.*)\/(\d+\.\d+\.\d+\.\d+)$/.exec(network) ?? [];
    if (address === undefined) return network;
    const bits = mask
      .split('.')
      .map(byte => Number(byte).toString(2).padStart(8, '0'))
      .join('');
    return /^1*0*$/.test(bits) && bits.length === 32
      ? `${address}/${bits.indexOf('0') < 0 ? 32 : bits.indexOf('0')}`
      : undefined;
  });
  if (networks.includes(undefined)) return undefined;
  return networks.length > 1 ? `{ ${networks.join(', ')} }` : networks[0];
}
