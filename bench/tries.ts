/** How many of many knocks, one try each, open the door: planned here, done by the prober (bench/series.ts). */
import type { Carried } from '../test/methods/network.js';
import type { Contender, KnockPacket } from './contender.js';
import { doorPort } from './namespaces.js';
import type { Arrival, PlannedKnock, SeriesRequest } from './series.js';

/** From the last packet on: every contender opens within a fraction of it, or does not. */
export const patienceMs = 1000;

/** A packet of a knock, and which of them it is. */
export interface Sent {
  readonly packet: KnockPacket;
  readonly number: number;
}

/** What the way from client to server makes of one knock, whose packets all leave at once. */
export type Way = (sent: readonly Carried<Sent>[], knock: number) => readonly Carried<Sent>[];

/** Everything arrives, at once and in order. */
export const straight: Way = sent => sent;

export interface Tries {
  readonly knocks: number;
  /** From one knock to the next. */
  readonly everyMs: number;
  readonly way: Way;
  readonly flood?: NonNullable<SeriesRequest['flood']>;
}

export interface Found {
  /** In %. */
  readonly opened: number;
  /** Packets of the flood, and in a second. */
  readonly sent: number;
  readonly perSecond: number;
}

/** @throws Error where the door is open to somebody who has not knocked */
export async function knockOften(contender: Contender, tries: Tries): Promise<Found> {
  const { pipe, place } = contender;
  const sources = Array.from({ length: tries.knocks }, () => place.freshSource());
  const numbers = contender.takeNumbers?.(tries.knocks) ?? [];
  const planned = plan(sources, contender.composeKnocks(sources), tries.way).map((knock, index) => ({
    ...knock,
    number: numbers[index],
  }));
  const stranger = { source: place.freshSource(), arrivals: [] };
  const {
    opened = [],
    sent = 0,
    ms = 1,
  } = await place.prober.ask({
    do: 'series',
    address: place.server.ipv4,
    door: doorPort,
    ...(pipe === undefined ? {} : { pipe }),
    knocks: [...planned, stranger],
    everyMs: tries.everyMs,
    patienceMs,
    ...(tries.flood === undefined ? {} : { flood: tries.flood }),
  });
  if (opened.at(-1) !== false)
    throw new Error(`${contender.name}: the door is open to somebody who has not knocked`);
  const share = (opened.filter(each => each).length * 100) / tries.knocks;
  return { opened: share, sent, perSecond: (sent / ms) * 1000 };
}

/** Pure: who sends what, and what of it arrives when. */
export function plan(
  sources: readonly string[],
  knocks: readonly (readonly KnockPacket[])[],
  way: Way,
): PlannedKnock[] {
  return sources.map((source, index) => {
    const sent = knocks[index]!.map((packet, number) => ({ at: 0, item: { packet, number } }));
    const arrivals = way(sent, index).map(({ at, item }): Arrival => ({ at, ...item }));
    return { source, arrivals };
  });
}
