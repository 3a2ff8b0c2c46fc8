/**
 * Datagrams of a capture, for `portknockd explain`: the recogniser that the daemon runs, with nothing heard before.
 *
 * Lists of revoked certificates are not looked at: what they said when the capture was made, nobody knows now.
 */
import { isCandidate } from '../methods/datagram/format.js';
import type { Datagram } from '../methods/datagram/recognise.js';
import type { Knock, Refusal, Verdict } from '../methods/knock.js';
import { type Packet, udp } from '../net/packet.js';
import { admit, TransientMemory } from './admission.js';
import type { Config } from './config.js';
import { buildDatagrams, datagramSettings } from './datagramsite.js';

/** Where decisions wait that take a while, so that they are told in the order of their packets. */
export interface Waiting {
  sayLater(deciding: () => Promise<Knock | Refusal | undefined>): void;
}

export interface CapturedDatagrams {
  take(packet: Packet, waiting: Waiting): void;
  /** What is to be said of them all, when they have been taken. */
  readonly remarks: readonly string[];
}

const ofToday =
  'certificates that were not in date when their packets came are judged as of today; the daemon refused them as expired';
const withoutLists = 'whether certificates were revoked is not known: explain reads no list';

/** Undefined where the configuration has no datagrams. */
export async function datagramsOf(config: Config): Promise<CapturedDatagrams | undefined> {
  const settings = datagramSettings(config);
  if (settings === undefined) return undefined;
  // What reads certificates is large, and is loaded by whoever needs it.
  const { Datagram } = await import('../methods/datagram/recognise.js');
  const site = buildDatagrams({ ...settings, listRequired: false }, []);
  const memory = new TransientMemory();
  const method = new Datagram(site, digest => memory.isHeard({ digest, time: 0 }));
  const remarks: string[] = [];
  const take = (packet: Packet, waiting: Waiting) => {
    if (packet.protocol !== udp || !isCandidate(packet.payload)) return;
    if (remarks.length === 0) remarks.push(withoutLists);
    // The payload is a piece of the capture, which stays as it is.
    const kept = { ...packet, source: Uint8Array.from(packet.source) };
    waiting.sayLater(async () => {
      const { verdict, isLater } = await judge(method, kept);
      if (isLater && !remarks.includes(ofToday)) remarks.push(ofToday);
      return verdict?.outcome === 'knock' ? admit(verdict, memory) : verdict;
    });
  };
  return { take, remarks };
}

/** Certificates may be younger than a capture, as those of test data are. Nothing opens here, so today will do as well. */
async function judge(
  method: Datagram,
  packet: Packet,
): Promise<{ readonly verdict: Verdict; readonly isLater: boolean }> {
  const verdict = await method.recognise(packet);
  if (!isExpired(verdict)) return { verdict, isLater: false };
  const today = await method.recognise(packet, Date.now());
  return isExpired(today) ? { verdict, isLater: false } : { verdict: today, isLater: true };
}

function isExpired(verdict: Verdict): boolean {
  return verdict?.outcome === 'refused' && verdict.reason === 'expired';
}
