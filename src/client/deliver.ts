/** One knock: the packets that its method composed for each address, one address fully after the other. */
import { type Hit, sendHits } from '../net/send.js';
import { errorCode } from '../system/error.js';
import type { Composer, Composition } from './composer.js';
import { KnockError } from './failure.js';
import type { KnockDelivery } from './request.js';
import { localAddress, type Target } from './resolve.js';
import type { KnockedAddress } from './result.js';

/** What happens on the way, for those who watch. */
export type KnockEvent =
  | { readonly event: 'resolved'; readonly targets: readonly Target[] }
  | {
      readonly event: 'knocking';
      readonly attempt: number;
      readonly address: string;
      readonly description: string;
    }
  | { readonly event: 'sent' }
  | { readonly event: 'unreachable'; readonly address: string; readonly code: string }
  | { readonly event: 'waiting'; readonly addresses: readonly string[] }
  | { readonly event: 'warning'; readonly message: string };

export type Watch = (event: KnockEvent) => void;

/** A knock in the making. */
export interface Delivery {
  readonly options: KnockDelivery;
  readonly targets: readonly Target[];
  readonly composer: Composer;
  readonly watch: Watch;
}

/**
 * Knocks once at every target.
 * @param attempt from 1
 * @throws KnockError `unreachable` where nothing could be sent to any, `not-permitted`, those of the method; the
 *   signal's reason
 */
export async function knockOnce(delivery: Delivery, attempt: number): Promise<KnockedAddress[]> {
  const { options, targets } = delivery;
  const warn = (message: string) => delivery.watch({ event: 'warning', message });
  // Asked before the method is: what it gives away for a knock that cannot be sent is lost.
  if (options.raw === true) await rawSending();
  const knocked: KnockedAddress[] = [];
  for (const composition of await delivery.composer.compose(targets, warn, options.signal)) {
    knocked.push(await knockAt(delivery, composition, attempt));
  }
  if (knocked.every(({ failure }) => failure !== undefined)) {
    throw unreachable(options.host, knocked);
  }
  return knocked;
}

async function knockAt(
  delivery: Delivery,
  { target, bound, time, hits, description, failure }: Composition,
  attempt: number,
): Promise<KnockedAddress> {
  const { options, watch } = delivery;
  const knocked = { ...target, bound, time };
  try {
    if (failure !== undefined) throw Object.assign(new Error(failure), { code: failure });
    watch({ event: 'knocking', attempt, address: target.address, description });
    await send(delivery, target, hits);
    return { ...knocked, ports: hits.length, failure: undefined };
  } catch (error) {
    if (error instanceof KnockError || options.signal?.aborted) throw error;
    const code = codeOf(error);
    watch({ event: 'unreachable', address: target.address, code });
    return { ...knocked, ports: 0, failure: code };
  }
}

async function send({ options, watch }: Delivery, target: Target, hits: readonly Hit[]): Promise<void> {
  const how = {
    delayMs: options.delayMs ?? 0,
    signal: options.signal,
    onHit: () => watch({ event: 'sent' }),
  };
  if (options.raw !== true) return sendHits(target.address, hits, how);
  const { sendRawHits } = await rawSending();
  await sendRawHits(await localAddress(target), target.address, hits, how);
}

/** Loaded for those who want it: it brings a library with it. @throws KnockError `not-permitted` */
async function rawSending() {
  if (process.platform !== 'linux') throw notPermitted('raw packets are for Linux alone');
  const sending = await import('../net/rawsend.js');
  try {
    sending.requireRaw();
    return sending;
  } catch (error) {
    if (errorCode(error) !== 'EPERM') throw error;
    throw notPermitted('raw packets need the privilege CAP_NET_RAW', 'or use sudo, or setcap cap_net_raw+ep');
  }
}

function notPermitted(message: string, other?: string): KnockError {
  const hint = ['leave out --raw, which works without any privilege', other].filter(Boolean).join(', ');
  return new KnockError('not-permitted', message, { hint });
}

/** The system's own word; an error without one is ours to mend. */
function codeOf(error: unknown): string {
  const code = errorCode(error);
  if (code === undefined) throw error;
  return code;
}

function unreachable(host: string, knocked: readonly KnockedAddress[]): KnockError {
  const why = knocked.map(({ address, failure }) => `${address}: ${failure}`).join(', ');
  const needsZone = knocked.some(({ address }) => /^fe[89ab]/i.test(address) && !address.includes('%'));
  const hint = needsZone
    ? 'an address fe80:… needs its interface, such as fe80::1%eth0'
    : 'check the connection to the network';
  return new KnockError('unreachable', `${host} cannot be reached (${why})`, { hint });
}
