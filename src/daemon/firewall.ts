/**
 * The kernel's firewall: the table loaded as a whole with nft, openings put in and read back.
 *
 * It keeps no memory of openings: the kernel's sets are the one truth, and outlive us.
 */
import { formatAddress, isIPv4Mapped, parseAddress } from '../net/address.js';
import { SystemError } from '../net/libc.js';
import { type Endpoint, SetElements } from '../net/nftables.js';
import { tcp, udp } from '../net/packet.js';
import { OperatorError } from '../system/error.js';
import type { Config, RulesFile } from './config.js';
import { runFilterProgram } from './filterprogram.js';
import { deletionsFor } from './leftovers.js';
import { nftFailed } from './nfterror.js';
import { liveSessionsText, newSessionsText } from './sessions.js';
import { freshTableText, noTableText, openingSets, tableName, tableText } from './table.js';

/** One element of the kernel's sets. */
export interface Opening extends Endpoint {
  readonly door: string;
  readonly client: string;
  readonly singleUse: boolean;
  readonly remainingMs: number;
}

/**
 * Puts the configuration's table in the kernel; openings that are there stay.
 * @param before whose rules of the administrator's own the table that is there has, where that is known
 * @returns whether there was one, whose other sets have stayed too @throws OperatorError
 */
export async function installTable(config: Config, before?: Config): Promise<boolean> {
  const found = await listTable();
  const { rules } = config.firewall;
  try {
    await nft(['-f', '-'], loadingText(config, found, before), rules);
    return found !== undefined;
  } catch (error) {
    if (!(error instanceof OperatorError) || error.code !== 'nft-failed') throw error;
    // Sets of another version of ours cannot be changed, only made anew.
    const fresh = freshTableText(config) + liveSessionsText(config);
    await loadWith(fresh, openingsText(await listOpenings().catch(() => [])), rules);
    return false;
  }
}

/**
 * Puts a table back that somebody took away: without rules of the administrator's own that are refused now. An interface that
 * they name may be gone, and without the table nothing would be guarded.
 * @param told of why they are left out @returns as installTable does @throws OperatorError
 */
export async function putTableBack(config: Config, told: (error: unknown) => void): Promise<boolean> {
  try {
    return await installTable(config);
  } catch (error) {
    const { firewall } = config;
    if (firewall.rules.length === 0 || (await listTable()) !== undefined) throw error;
    const isKept = await installTable({ ...config, firewall: { ...firewall, rules: [] } });
    told(error);
    return isKept;
  }
}

/** @param found the table that is there */
function loadingText(config: Config, found: string | undefined, before?: Config): string {
  if (found === undefined) return tableText(config) + liveSessionsText(config);
  const isSame = before !== undefined && sameRules(before, config);
  return tableText(config, deletionsFor(found, config, isSame)) + newSessionsText(config);
}

function sameRules({ firewall: before }: Config, { firewall: after }: Config): boolean {
  const text = (rules: readonly RulesFile[]) => JSON.stringify(rules.map(({ text }) => text));
  return text(before.rules) === text(after.rules);
}

/** Has nft and the kernel look at a configuration's table, and changes nothing. @throws OperatorError */
export async function tryTable(config: Config): Promise<void> {
  const look = (text: string) => nft(['--check', '-f', '-'], text, config.firewall.rules);
  try {
    await look(loadingText(config, await listTable()));
  } catch (error) {
    if (!(error instanceof OperatorError) || error.code !== 'nft-failed') throw error;
    // As it would be loaded over sets of another version.
    await look(freshTableText(config));
  }
}

/** Loads a text with another one where that is taken, or else without it. */
async function loadWith(text: string, more: string, rules: readonly RulesFile[]): Promise<void> {
  try {
    await nft(['-f', '-'], text + more, rules);
  } catch (error) {
    if (more === '') throw error;
    await nft(['-f', '-'], text, rules);
  }
}

/** The commands for nft that open again what was open. */
function openingsText(openings: readonly Opening[]): string {
  return openings
    .map(({ source, protocol, port, door, client, singleUse, remainingMs }) => {
      const element = `${formatAddress(source)} . ${protocol} . ${port} timeout ${Math.max(1, remainingMs)}ms`;
      const comment = door === '' ? '' : ` comment "${door} ${client}"`;
      return `add element inet ${tableName} ${setFor(source, singleUse)} { ${element}${comment} }\n`;
    })
    .join('');
}

/** Loads a table from its text. @throws OperatorError */
export async function loadTableText(text: string): Promise<void> {
  await nft(['-f', '-'], text);
}

/** Takes the table away; nothing is guarded then. @throws OperatorError */
export async function removeTable(): Promise<void> {
  await nft(['-f', '-'], noTableText);
}

/** The table as the kernel has it, without elements and counters; undefined where there is none. */
export async function listTable(): Promise<string | undefined> {
  return absentAsUndefined(nft(['--stateless', '--terse', 'list', 'table', 'inet', tableName]));
}

/** The table as the kernel has it, with counters and openings; undefined where there is none. */
export async function showTable(): Promise<string | undefined> {
  return absentAsUndefined(nft(['list', 'table', 'inet', tableName]));
}

/** Every opening that the kernel holds now. */
export async function listOpenings(): Promise<Opening[]> {
  const sets = [
    { set: openingSets.many.ipv4, singleUse: false },
    { set: openingSets.many.ipv6, singleUse: false },
    { set: openingSets.single.ipv4, singleUse: true },
    { set: openingSets.single.ipv6, singleUse: true },
  ];
  const lists = await Promise.all(
    sets.map(async ({ set, singleUse }) => {
      const text = await absentAsUndefined(nft(['--json', 'list', 'set', 'inet', tableName, set]));
      return text === undefined ? [] : readElements(text, singleUse);
    }),
  );
  return lists.flat();
}

/** What `nft --json list set` prints of one element. */
interface JsonElement {
  readonly elem?: {
    readonly val: { readonly concat: readonly [string, string | number, number] };
    readonly expires?: number;
    readonly comment?: string;
  };
}

function readElements(text: string, singleUse: boolean): Opening[] {
  const { nftables } = JSON.parse(text) as { nftables: { set?: { elem?: JsonElement[] } }[] };
  const elements = nftables.flatMap(({ set }) => set?.elem ?? []);
  return elements.flatMap(({ elem }) => {
    const [address = '', protocol = '', port = 0] = elem?.val.concat ?? [];
    const source = parseAddress(address);
    if (source === undefined) return [];
    const [door = '', client = ''] = (elem?.comment ?? '').split(' ');
    const number = protocol === 'tcp' ? tcp : protocol === 'udp' ? udp : Number(protocol);
    return [
      { source, protocol: number, port, door, client, singleUse, remainingMs: (elem?.expires ?? 0) * 1000 },
    ];
  });
}

/** Changes openings in the kernel: one netlink socket, kept. */
export class Openings {
  readonly #elements = new SetElements(tableName);

  /** For an endpoint that is not there. @throws SystemError, ENOENT where the table is not there */
  add(endpoint: Endpoint, singleUse: boolean, forMs: number, door: string, client: string): void {
    this.#elements.add(setFor(endpoint.source, singleUse), endpoint, forMs, `${door} ${client}`);
  }

  /** Whether they are there or not. @throws SystemError, ENOENT where the table is not there */
  put(endpoints: readonly Endpoint[], singleUse: boolean, forMs: number, door: string, client: string): void {
    const [first] = endpoints;
    if (first !== undefined) {
      this.#elements.put(setFor(first.source, singleUse), endpoints, forMs, `${door} ${client}`);
    }
  }

  /** Takes endpoints of one source away, for single use or not. */
  remove(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) {
      this.#elements.remove(setFor(endpoint.source, false), [endpoint]);
      this.#elements.remove(setFor(endpoint.source, true), [endpoint]);
    }
  }

  close(): void {
    this.#elements.close();
  }
}

function setFor(source: Uint8Array, singleUse: boolean): string {
  const sets = singleUse ? openingSets.single : openingSets.many;
  return isIPv4Mapped(source) ? sets.ipv4 : sets.ipv6;
}

/** Opens the socket for changes. @throws OperatorError without CAP_NET_ADMIN or nf_tables */
export function openOpenings(): Openings {
  try {
    return new Openings();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new OperatorError('no-netlink', `cannot reach the kernel's firewall: ${error.message}`, {
      hint: 'portknockd needs Linux with nf_tables and CAP_NET_ADMIN: run as root or from its unit',
    });
  }
}

async function absentAsUndefined(output: Promise<string>): Promise<string | undefined> {
  try {
    return await output;
  } catch (error) {
    if (error instanceof OperatorError && error.message.includes('No such file or directory'))
      return undefined;
    throw error;
  }
}

const program = { name: 'nft', hint: 'apt install nftables' } as const;

function nft(args: readonly string[], input = '', rules: readonly RulesFile[] = []): Promise<string> {
  return runFilterProgram(program, args, input, errors => nftFailed(errors, input, rules));
}
