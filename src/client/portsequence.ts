/** Knocks as encrypted port sequences: the ports that spell a request at a target, with own address and time in them. */
import { composeClassic, composeSealed } from '../methods/port-sequence/compose.js';
import { lastSealedTime, sealedEpoch, zeroAddress } from '../methods/port-sequence/sealed.js';
import { parseAddress } from '../net/address.js';
import { tcp } from '../net/packet.js';
import { errorCode } from '../system/error.js';
import { isClassic } from '../system/profile.js';
import type { Clock } from './clock.js';
import type { Composer, Warn } from './composer.js';
import { KnockError } from './failure.js';
import type { PortSequenceRequest } from './request.js';
import { isSeenOutside, localAddress, type Target } from './resolve.js';

/** Knocks of a request, each with a time of its own from the clock. */
export function portSequence(request: PortSequenceRequest, clock: Clock): Composer {
  return {
    async compose(targets, warn) {
      const routes = await Promise.all(targets.map(target => route(request, target, warn)));
      // Taken before the first SYN: what was sent must never be forgotten.
      const times = hasTime(request) ? clock.take(routes.length) : [];
      return routes.map((route, index) => {
        const time = times[index];
        const ports = route.failure === undefined ? composePorts(request, route.bound, time ?? 0) : [];
        const description = describe(route.bound, time, ports);
        return { ...route, time, hits: ports.map(port => ({ protocol: tcp, port })), description };
      });
    },
    advice: 'see on the server what became of the knock: portknockd status',
  };
}

function describe(bound: string | undefined, time: number | undefined, ports: readonly number[]): string {
  const to = bound === undefined ? 'bound to no address' : `bound to ${bound}`;
  const at = time === undefined ? 'without time' : `at ${new Date(time).toISOString()}`;
  return `${to}, ${at}: ${ports.join(' ')}`;
}

interface Route {
  readonly target: Target;
  readonly bound: string | undefined;
  /** The system's word for why there is no way to the target. */
  readonly failure: string | undefined;
}

async function route(request: PortSequenceRequest, target: Target, warn: Warn): Promise<Route> {
  try {
    return { target, bound: await addressToBind(request, target, warn), failure: undefined };
  } catch (error) {
    const failure = errorCode(error);
    // An error without the system's word is ours to mend.
    if (failure === undefined) throw error;
    return { target, bound: undefined, failure };
  }
}

/** Whether knocks of this request carry a time, each its own. */
export function hasTime({ identity }: PortSequenceRequest): boolean {
  return !isClassic(identity);
}

/**
 * The own address to bind towards a target, or undefined for none.
 * @throws Error of Node with its `code` where the target cannot be reached from here
 */
export async function addressToBind(
  { identity }: PortSequenceRequest,
  target: Target,
  warn: Warn,
): Promise<string | undefined> {
  if (isClassic(identity) || identity.address === 'none') return undefined;
  if (identity.address === 'local') return boundLocal(target, warn);
  if (isFixedFor(identity.address, target)) return identity.address;
  const local = await localAddress(target);
  return isSeenOutside(local) ? local : undefined;
}

/** An address that was given is for its own family; at the other one it could never be right. */
function isFixedFor(choice: string, { family }: Target): boolean {
  return choice !== 'auto' && (choice.includes(':') ? 6 : 4) === family;
}

async function boundLocal(target: Target, warn: Warn): Promise<string> {
  const local = await localAddress(target);
  if (!isSeenOutside(local) && isSeenOutside(target.address)) {
    warn(
      `the own address ${local} is a private one and ${target.address} is not: behind NAT the server will refuse the knock`,
    );
  }
  return local;
}

/**
 * The ports of a knock, in order.
 * @param bound from `addressToBind` @param time milliseconds since 1970; a request without time leaves it out
 * @throws KnockError `clock`
 */
export function composePorts(
  request: PortSequenceRequest,
  bound: string | undefined,
  time: number,
): number[] {
  const { basePort, spelling = 'ordered', command: commandId, identity } = request;
  if (isClassic(identity)) {
    return composeClassic({ passphrase: identity.classicPassphrase, commandId, basePort, spelling });
  }
  if (time < sealedEpoch || time > lastSealedTime) {
    const date = new Date(time).toISOString().slice(0, 10);
    throw new KnockError('clock', `the clock says ${date}, which no knock can say`, {
      hint: 'set the clock of this machine',
    });
  }
  const address = bound === undefined ? zeroAddress : (parseAddress(bound) ?? zeroAddress);
  const { siteKey, key, clientId } = identity;
  return composeSealed({ siteKey, key, clientId, commandId, time, basePort, address, spelling });
}
