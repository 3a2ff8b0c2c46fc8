/** One knock: a sequence of its own for each address, and the SYNs, one address fully after the other. */
import { sendSyns } from '../net/send.js';
import { errorCode } from '../system/error.js';
import type { Clock } from './clock.js';
import { KnockError } from './failure.js';
import type { KnockOptions } from './request.js';
import { localAddress, type Target } from './resolve.js';
import type { KnockedAddress } from './result.js';
import { addressToBind, composePorts, hasTime } from './sequence.js';

/** What happens on the way, for those who watch. */
export type KnockEvent =
  | { readonly event: 'resolved'; readonly targets: readonly Target[] }
  | {
      readonly event: 'knocking';
      readonly attempt: number;
      readonly address: string;
      readonly bound: string | undefined;
      readonly time: number | undefined;
      readonly ports: readonly number[];
    }
  | { readonly event: 'syn' }
  | { readonly event: 'unreachable'; readonly address: string; readonly code: string }
  | { readonly event: 'waiting'; readonly addresses: readonly string[] }
  | { readonly event: 'warning'; readonly message: string };

export type Watch = (event: KnockEvent) => void;

/** A knock in the making. */
export interface Delivery {
  readonly options: KnockOptions;
  readonly targets: readonly Target[];
  readonly clock: Clock;
  readonly watch: Watch;
}

interface Route {
  readonly target: Target;
  readonly bound: string | undefined;
  /** The system's word for why there is no way to the target. */
  readonly failure: string | undefined;
}

/**
 * Knocks once at every target.
 * @param attempt from 1
 * @throws KnockError `unreachable` where nothing could be sent to any, `not-permitted`, `clock`; the signal's reason
 */
export async function knockOnce(delivery: Delivery, attempt: number): Promise<KnockedAddress[]> {
  const warn = (message: string) => delivery.watch({ event: 'warning', message });
  const routes = await Promise.all(delivery.targets.map(target => route(delivery, target, warn)));
  // Taken before the first SYN: what was sent must never be forgotten.
  const times = hasTime(delivery.options) ? delivery.clock.take(routes.length) : [];
  const knocked: KnockedAddress[] = [];
  for (const [index, route] of routes.entries()) {
    knocked.push(await knockAt(delivery, route, times[index], attempt));
  }
  if (knocked.every(({ failure }) => failure !== undefined)) {
    throw unreachable(delivery.options.host, knocked);
  }
  return knocked;
}

async function route({ options }: Delivery, target: Target, warn: (message: string) => void): Promise<Route> {
  try {
    return { target, bound: await addressToBind(options, target, warn), failure: undefined };
  } catch (error) {
    return { target, bound: undefined, failure: codeOf(error) };
  }
}

async function knockAt(
  delivery: Delivery,
  { target, bound, failure }: Route,
  time: number | undefined,
  attempt: number,
): Promise<KnockedAddress> {
  const { options, watch } = delivery;
  const knocked = { ...target, bound, time };
  try {
    if (failure !== undefined) throw Object.assign(new Error(failure), { code: failure });
    const ports = composePorts(options, bound, time ?? 0);
    watch({ event: 'knocking', attempt, address: target.address, bound, time, ports });
    await sendPorts(delivery, target, ports);
    return { ...knocked, ports: ports.length, failure: undefined };
  } catch (error) {
    if (error instanceof KnockError || options.signal?.aborted) throw error;
    const code = codeOf(error);
    watch({ event: 'unreachable', address: target.address, code });
    return { ...knocked, ports: 0, failure: code };
  }
}

async function sendPorts(
  { options, watch }: Delivery,
  target: Target,
  ports: readonly number[],
): Promise<void> {
  const syns = {
    delayMs: options.delayMs ?? 0,
    signal: options.signal,
    onSyn: () => watch({ event: 'syn' }),
  };
  if (options.raw !== true) return sendSyns(target.address, ports, syns);
  // Loaded for those who want it: it brings a library with it.
  if (process.platform !== 'linux') throw notPermitted('raw packets are for Linux alone');
  const { sendRawSyns } = await import('../net/rawsend.js');
  try {
    await sendRawSyns(await localAddress(target), target.address, ports, syns);
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
