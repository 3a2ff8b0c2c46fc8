/**
 * What verifying datagrams costs a processor, without kernel and threads: the method alone, as the daemon's thread runs it,
 * one datagram after the other.
 */
import { randomBytes } from 'node:crypto';
import { Datagram } from '../src/methods/datagram/recognise.js';
import type { DatagramSite } from '../src/methods/datagram/site.js';
import { newPacket, udp } from '../src/net/packet.js';
import { makePoints, makeRandom } from './shaped.js';
import type { Figure, Value } from './table.js';

/** A right datagram, and who sends it. */
export interface Right {
  readonly source: Uint8Array;
  readonly payload: Uint8Array;
}

const warmUp = 100;

/** @param rights at least a few hundred, each by its own source */
export async function measureVerifying(site: DatagramSite, rights: readonly Right[]): Promise<Figure[]> {
  const { payload } = rights[0]!;
  const garbage = (points: readonly Buffer[]) =>
    points.map((point, index) => {
      const body = randomBytes(payload.length - point.length - 4);
      const shaped = Buffer.concat([payload.subarray(0, 4), body, point]);
      return { source: rights[index % rights.length]!.source, payload: shaped };
    });
  const rows = [
    ['right ones, of a certificate that is known', rights, 'knock'],
    ['garbage with a valid key', garbage(makePoints(rights.length)), 'refused'],
    ['garbage with a key by chance', garbage(makeRandom(rights.length)), 'refused'],
  ] as const;
  const figures: Figure[] = [];
  for (const [name, datagrams, outcome] of rows) {
    const perSecond = await rate(new Datagram(site, () => false), datagrams, outcome);
    const value: Value = { value: Math.round(perSecond) };
    figures.push({
      group: 'datagrams that one processor verifies, one after the other',
      name: `${name}, ${rights.length}`,
      unit: '/s',
      values: { datagram: value },
    });
  }
  return figures;
}

/** @throws Error where one of them comes to something else */
async function rate(
  method: Datagram,
  datagrams: readonly Right[],
  outcome: 'knock' | 'refused',
): Promise<number> {
  const packet = newPacket();
  packet.protocol = udp;
  packet.at = Date.now();
  const recognise = async ({ source, payload }: Right) => {
    packet.source.set(source);
    packet.payload = payload;
    const verdict = await method.recognise(packet);
    if (verdict?.outcome !== outcome) throw new Error(`a datagram came to ${verdict?.outcome}`);
  };
  for (const datagram of datagrams.slice(0, warmUp)) await recognise(datagram);
  const begun = performance.now();
  for (const datagram of datagrams) await recognise(datagram);
  return (datagrams.length * 1000) / (performance.now() - begun);
}
