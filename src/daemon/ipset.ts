/**
 * Named sets as ipsets, for rules of iptables: made, read and taken away with ipset(8). Who is put in and taken out while
 * the daemon runs is net/ipset.ts's.
 */
import { parseAddress } from '../net/address.js';
import type { Member } from '../net/addressset.js';
import { OperatorError } from '../system/error.js';
import type { Config } from './config.js';
import { runFilterProgram } from './filterprogram.js';
import { namedSets, setNames } from './namedsets.js';
import { namedSetPattern } from './setnames.js';

const size = 65535;

/** A set as ipset tells of it. */
interface Found {
  readonly name: string;
  readonly family: string;
}

function wanted(config: Config): Found[] {
  const names = setNames(namedSets(config));
  return [
    ...names.ipv4.map(name => ({ name, family: 'inet' })),
    ...names.ipv6.map(name => ({ name, family: 'inet6' })),
  ];
}

/**
 * Makes the sets of a configuration, those that are not there; who is in them stays. Those of an earlier one are emptied,
 * and go away where no rule looks into them. @returns the names of those that were there @throws OperatorError
 */
export async function installSets(config: Config): Promise<ReadonlySet<string>> {
  const before = await foundSets();
  const sets = wanted(config);
  const lines = sets.map(
    ({ name, family }) => `create ${name} hash:ip family ${family} timeout 0 comment maxelem ${size}\n`,
  );
  await ipset(['-exist', 'restore'], lines.join(''));
  const names = new Set(sets.map(({ name }) => name));
  await dropSets(before.filter(({ name }) => !names.has(name)));
  return new Set(before.map(({ name }) => name));
}

/** Empties every named set, and takes away those that no rule looks into. @returns the names of the others @throws OperatorError */
export async function removeSets(): Promise<string[]> {
  return dropSets(await foundSets());
}

/** The named sets as the kernel has them, with who is in them; undefined where there are none. @throws OperatorError */
export async function showSets(): Promise<string | undefined> {
  const names = new Set((await foundSets()).map(({ name }) => name));
  const blocks = (await ipset(['list'])).split(/^(?=Name: )/m);
  return blocks.filter(block => names.has(/^Name: (\S+)/.exec(block)?.[1] ?? '')).join('') || undefined;
}

/** Everybody who is in a named set now. @throws OperatorError */
export async function listMembers(): Promise<Member[]> {
  const lines = (await ipset(['save'])).split('\n');
  return lines.flatMap(line => {
    const [, set = '', address = '', seconds = '', comment = ''] =
      /^add (\S+) (\S+) timeout (\d+)(?: comment "([^"]*)")?/.exec(line) ?? [];
    const source = parseAddress(address);
    if (source === undefined || !namedSetPattern.test(set)) return [];
    return [{ set, source, timeoutMs: Number(seconds) * 1000, comment }];
  });
}

/** Sets with our names and of our making. */
async function foundSets(): Promise<Found[]> {
  const lines = (await ipset(['save', '-terse'])).split('\n');
  return lines.flatMap(line => {
    const [, name = '', family = ''] = /^create (\S+) hash:ip family (inet6?) /.exec(line) ?? [];
    const isOurs = namedSetPattern.test(name) && / timeout 0 comment/.test(line);
    return isOurs && line.includes(` maxelem ${size} `) ? [{ name, family }] : [];
  });
}

async function dropSets(sets: readonly Found[]): Promise<string[]> {
  const kept: string[] = [];
  for (const { name } of sets) {
    await ipset(['flush', name]);
    await ipset(['destroy', name]).catch(() => kept.push(name));
  }
  return kept;
}

const program = { name: 'ipset', hint: 'apt install ipset, or leave out backend = "ipset"' } as const;

function ipset(args: readonly string[], input = ''): Promise<string> {
  return runFilterProgram(program, args, input, errors => failed(errors, input));
}

function failed(errors: string, input: string): OperatorError {
  const [first = 'no reason given'] = errors.split('\n').filter(line => line !== '');
  const message = first.replace(/^ipset v\S+: /, '');
  if (/not permitted|must be root/i.test(message)) {
    return new OperatorError('not-permitted', 'ipset: not permitted to change the firewall', {
      hint: 'run as root, or with CAP_NET_ADMIN',
    });
  }
  const [, line = '', why = message] = /^Error in line (\d+): (.*)$/.exec(message) ?? [];
  const [, name = ''] = input.split('\n')[Number(line) - 1]?.split(' ') ?? [];
  const hint = /already exists/.test(message)
    ? `it is there, made otherwise: ipset destroy ${name}`.trimEnd()
    : undefined;
  return new OperatorError('ipset-failed', `ipset: ${name === '' ? '' : `${name}: `}${why}`, { hint });
}
