/** Clients for tests: fresh knocks in the spread spelling as SYNs on their way, and what became of each. */
import type { Verdict } from '../../../src/methods/knock.js';
import { composeSealed } from '../../../src/methods/port-sequence/compose.js';
import type { SealedClient, Site } from '../../../src/methods/port-sequence/recognise.js';
import type { Chance } from '../chance.js';
import type { Flow } from '../nat.js';
import type { Carried } from '../network.js';
import type { Ear } from './hearing.js';
import { hex, sealedClient, sealedSite, sealedVectors } from './vectors.js';

/** One with an address, so that the client binds it. */
const vector = sealedVectors.find(each => each.address !== null && each.base_port <= 61_440)!;

export const basePort = vector.base_port;
export const knockLength = 32;
/** How long a sender takes from one SYN to the next. */
export const betweenSynsMs = 0.03;
/** When the first knock of a test is sent, in milliseconds since 1970. */
export const begin = Date.UTC(2026, 11, 24);

/** A SYN on its way. */
export interface Syn extends Flow {
  readonly sequence: number;
  /** The time that the knock says, by which it is known; 0 for a SYN that is nobody's. */
  readonly knock: number;
}

/** A site of spread knocks with this many clients, ids 1 and on, who are the same but for their names. */
export function spreadSite(changes: Partial<SealedClient> = {}, clients = 1): Site {
  const ids = Array.from({ length: clients }, (_, index) => index + 1);
  const client = (id: number) => sealedClient(vector, { id, name: `client-${id}`, ...changes });
  return sealedSite(vector, { spelling: 'spread', clients: new Map(ids.map(id => [id, client(id)])) });
}

/** 16 bytes of a public IPv4 address. */
export function randomSource(chance: Chance): Uint8Array {
  const source = new Uint8Array(16);
  source.set(
    [0xff, 0xff, 11 + chance.below(80), chance.below(256), chance.below(256), chance.below(256)],
    10,
  );
  return source;
}

/** A SYN to a random port of the window, from anywhere. */
export function randomSyn(chance: Chance, source = randomSource(chance)): Syn {
  return { ...newConnection(chance), source, port: basePort + chance.below(4096), knock: 0 };
}

function newConnection(chance: Chance): { readonly sourcePort: number; readonly sequence: number } {
  return { sourcePort: 32_768 + chance.below(28_232), sequence: chance.word() };
}

/** Who sends a knock, and what it says of its sender. */
export interface Knocker {
  /** 1 and on; 1 unless told. */
  readonly clientId?: number;
  readonly source: Uint8Array;
  /** The address that the knock binds; the source unless told. */
  readonly bound?: Uint8Array;
}

/** The 32 SYNs of a knock, one shortly after the other. */
export function knock(chance: Chance, knocker: Knocker, at: number): Carried<Syn>[] {
  const { clientId = 1, source, bound = source } = knocker;
  const time = Math.floor(at);
  const ports = composeSealed({
    siteKey: hex(vector.site_key),
    key: hex(vector.client_key),
    clientId,
    commandId: vector.command,
    time,
    basePort,
    address: bound,
    spelling: 'spread',
  });
  return ports.map((port, index) => ({
    at: at + index * betweenSynsMs,
    item: { ...newConnection(chance), source, port, knock: time },
  }));
}

/** Several lines made one, in order of sending. */
export function together<Item>(...lines: readonly (readonly Carried<Item>[])[]): Carried<Item>[] {
  return lines.flat().sort((one, other) => one.at - other.at);
}

/** What the ear says of everything that arrives. */
export function hear(ear: Ear, arriving: readonly Carried<Syn>[]): Exclude<Verdict, undefined>[] {
  const verdicts: Exclude<Verdict, undefined>[] = [];
  for (const { at, item } of arriving) {
    const verdict = ear.hear({ ...item, at: Math.floor(at) });
    if (verdict !== undefined) verdicts.push(verdict);
  }
  return verdicts;
}

/** The times of the knocks that were accepted: by them a knock is known. */
export function accepted(verdicts: readonly Verdict[]): number[] {
  return verdicts.flatMap(verdict => (verdict?.outcome === 'knock' ? [verdict.once!.time] : []));
}

/** How many different SYNs of a knock arrive. */
export function arrivedOf(arriving: readonly Carried<Syn>[], time: number): number {
  return new Set(arriving.filter(({ item }) => item.knock === time).map(({ item }) => item.port)).size;
}

/**
 * Whether a knock can be understood, as the spread spelling promises: at some moment, among the positions heard last,
 * however many of them, those that hold the knock's symbol are 19 more than those that hold another.
 */
export function isUnderstandable(arriving: readonly Carried<Syn>[], time: number): boolean {
  const own = new Set(arriving.filter(({ item }) => item.knock === time).map(({ item }) => item.port));
  let newestFirst: number[] = [];
  for (const { item } of arriving) {
    const position = (item.port - basePort) >> 7;
    newestFirst = [item.port, ...newestFirst.filter(port => (port - basePort) >> 7 !== position)];
    let lead = 0;
    for (const port of newestFirst) {
      lead += own.has(port) ? 1 : -1;
      if (lead >= 19) return true;
    }
  }
  return false;
}
