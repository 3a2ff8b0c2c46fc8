/** Knocks as datagrams: one for each service that is asked for, signed for the own address towards the target. */
import { randomBytes, randomInt } from 'node:crypto';
import { composeDatagram } from '../methods/datagram/compose.js';
import { parseAddress } from '../net/address.js';
import { udp } from '../net/packet.js';
import type { Hit } from '../net/send.js';
import { isSignedAddress, mostServices } from '../system/datagramprofile.js';
import { errorCode } from '../system/error.js';
import type { Composer, Composition, Warn } from './composer.js';
import { type Credentials, flawsOf, nameOf, readCredentials } from './credentials.js';
import { KnockError } from './failure.js';
import { type DatagramRequest, requireWithin } from './request.js';
import { isSeenOutside, localAddress, type Target } from './resolve.js';
import { nameOfKnock, ownSeconds, type SecondMemory, secondsOfProcess } from './second.js';
import { parseService } from './service.js';

/** Where sKnock's client knocks, too: high enough to be nobody's. */
const lowestKnockPort = 10_000;
const highestKnockPort = 60_000;
const lastSecond = 0xffffffff;

let portOfProcess: number | undefined;

function drawnPort(): number {
  portOfProcess ??= randomInt(lowestKnockPort, highestKnockPort + 1);
  return portOfProcess;
}

/**
 * Knocks of a request.
 * @param time milliseconds since 1970, instead of the clock's
 * @param seconds those that were taken; where the time is given, none were
 * @throws TypeError, RangeError for a request that is none; KnockError `certificate`
 */
export function datagram(request: DatagramRequest, time?: number, seconds = secondsOfProcess): Composer {
  requireDatagram(request);
  return new Datagrams(request, time, time === undefined ? seconds : ownSeconds());
}

function requireDatagram({ services, knockPort, address = 'auto' }: DatagramRequest): void {
  if (!Array.isArray(services)) throw new TypeError('"services" expected a list of services');
  if (services.length < 1 || services.length > mostServices) {
    throw new RangeError(`"services" expected 1 to ${mostServices} of them, got ${services.length}`);
  }
  for (const service of services) requireService(service);
  requireWithin('knockPort', knockPort, 1, 65535);
  if (typeof address === 'string' && isSignedAddress(address)) return;
  throw new TypeError(`"address" expected "auto", "local" or an address, got ${JSON.stringify(address)}`);
}

/** @throws RangeError */
function requireService(service: unknown): void {
  if (parseService(String(service)) !== undefined) return;
  throw new RangeError(`"services" expected services such as "tcp/22", got ${JSON.stringify(service)}`);
}

class Datagrams implements Composer {
  readonly advice =
    'see on the server what became of the knock: portknockd status; both clocks must be right; behind NAT it needs allow_other_address there, or --address';
  readonly closedMayRefuse = true;
  readonly #request: DatagramRequest;
  readonly #credentials: Credentials;
  readonly #time: number | undefined;
  readonly #seconds: SecondMemory;
  readonly #warned = new Set<string>();

  constructor(request: DatagramRequest, time: number | undefined, seconds: SecondMemory) {
    this.#request = request;
    this.#credentials = readCredentials(request);
    this.#time = time;
    this.#seconds = seconds;
  }

  async compose(targets: readonly Target[], warnAlways: Warn): Promise<readonly Composition[]> {
    const warn = (message: string) => this.#warnOnce(message, warnAlways);
    const now = this.#time ?? Date.now();
    this.#examine(now, warn);
    const second = this.#nextSecond(targets, Math.floor(now / 1000));
    return Promise.all(targets.map(target => this.#composeFor(target, second, warn)));
  }

  #warnOnce(message: string, warn: Warn): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    warn(message);
  }

  #examine(now: number, warn: Warn): void {
    for (const { message, hint, isFatal } of flawsOf(this.#credentials, this.#request.services, now)) {
      if (isFatal) throw new KnockError('certificate', message, { hint });
      warn(message);
    }
  }

  #nextSecond(targets: readonly Target[], now: number): number {
    const { services } = this.#request;
    const addresses = targets.map(({ address }) => address);
    const name = nameOfKnock(this.#credentials.certificate.fingerprint256, ...addresses, ...services);
    const isPossible = now >= 0 && now <= lastSecond;
    const next = isPossible ? this.#seconds.take(name, now) : now;
    if (isPossible && next <= lastSecond) return next;
    throw new KnockError(
      'clock',
      `the clock says ${new Date(now * 1000).getUTCFullYear()}, which no knock can say`,
      { hint: 'set the clock of this machine' },
    );
  }

  async #composeFor(target: Target, second: number, warn: Warn): Promise<Composition> {
    const composition = { target, bound: undefined, time: second * 1000, hits: [], description: '' };
    try {
      const bound = await this.#addressFor(target, warn);
      const hits = this.#hitsFor(bound, second);
      const description = this.#describe(bound, second, hits);
      return { ...composition, bound, hits, description, failure: undefined };
    } catch (error) {
      const failure = errorCode(error);
      // An error without the system's word is ours to mend.
      if (failure === undefined || failure.startsWith('ERR_')) throw error;
      return { ...composition, failure };
    }
  }

  async #addressFor(target: Target, warn: Warn): Promise<string> {
    const { address = 'auto' } = this.#request;
    // One that is given is for its own family; at the other it could never be right.
    const isGiven = address !== 'auto' && address !== 'local';
    if (isGiven && (address.includes(':') ? 6 : 4) === target.family) return address;
    const local = await localAddress(target);
    if (address !== 'local' && !isSeenOutside(local) && isSeenOutside(target.address)) {
      warn(
        `${local} is signed, a private address, and ${target.address} is none: behind NAT the server needs allow_other_address`,
      );
    }
    return local;
  }

  #hitsFor(bound: string, second: number): Hit[] {
    const { services, knockPort = drawnPort() } = this.#request;
    const { certificate, key, serverKey } = this.#credentials;
    return services.map(service => ({
      protocol: udp,
      port: knockPort,
      payload: composeDatagram({
        ...{ serverKey, key, time: second, certificate: certificate.raw },
        service: parseService(service)!,
        address: parseAddress(bound)!,
        ephemeral: randomBytes(32),
      }),
    }));
  }

  #describe(bound: string, second: number, hits: readonly Hit[]): string {
    const at = new Date(second * 1000).toISOString().replace('.000', '');
    const sizes = hits.map(({ payload }) => `${payload?.length} bytes`).join(', ');
    const asked = this.#request.services.join(', ');
    return `for ${asked}, signed by ${nameOf(this.#credentials.certificate)} for ${bound} at ${at}, to UDP port ${hits[0]?.port} (${sizes})`;
  }
}

/** One datagram as it would be sent. */
export interface RehearsedDatagram {
  readonly service: string;
  /** The UDP port that it would go to. */
  readonly port: number;
  readonly hex: string;
}

/** What would be knocked at a target, and the own address that is signed. @throws KnockError */
export async function rehearse(
  request: DatagramRequest,
  target: Target,
  time: number,
  warn: Warn,
): Promise<Composition & { readonly datagrams: readonly RehearsedDatagram[] }> {
  const [composition] = await datagram(request, time).compose([target], warn);
  const datagrams = composition!.hits.map(({ port, payload = new Uint8Array() }, index) => ({
    service: request.services[index]!,
    port,
    hex: Buffer.from(payload).toString('hex'),
  }));
  return { ...composition!, datagrams };
}
