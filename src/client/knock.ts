/** Knocking as a whole: resolve, knock, wait where wanted, knock again. */
import type { Socket } from 'node:net';
import { isClassic } from '../system/profile.js';
import { clockWith, ownMemory, processMemory } from './clock.js';
import type { Composer } from './composer.js';
import { type Delivery, knockOnce, type Watch } from './deliver.js';
import { KnockError } from './failure.js';
import { portSequence } from './portsequence.js';
import { type KnockDelivery, type KnockOptions, requireKnockOptions } from './request.js';
import { resolveHost, type Target } from './resolve.js';
import type { KnockedAddress, KnockResult } from './result.js';
import { DoorRace, type Opening, settlesWithin } from './wait.js';

const defaultTimeoutMs = 10_000;
const defaultRetries = 3;
const firstRetryMs = 1000;

/** What the programs know beyond the options. */
export interface KnockSetting {
  readonly composer: Composer;
  readonly watch: Watch;
  /** The host of the port to wait for, where it is not the one that is knocked at. */
  readonly doorHost?: string | undefined;
}

/** A result, and the connection where one was waited for: its owner ends it. */
export interface Delivered {
  readonly result: KnockResult;
  readonly socket: Socket | undefined;
}

/**
 * Knocks at a server.
 *
 * That it resolves says only that the knock was sent, unless `wait` names a port: servers never say what became of it. Do
 * not wait for a door that lets a single connection in, which the waiting would use up. A challenge is waited for, 10 s at
 * most, and its signature as long as that takes. Do not keep keys where others can read them; a classic identity and a plain
 * sequence can be replayed by anyone on the way. Two knocks of this process with the same key never carry the same time; of
 * two processes only the clock keeps them apart.
 *
 * @param options see `KnockOptions`, where each has its unit and range
 * @returns what was sent where, and how long the port took to open
 * @throws TypeError, RangeError for options that are none
 * @throws KnockError by `code`: `no-address`, `unreachable`, `not-permitted`, `clock`, `used-up`,
 *   `sequence-file`, `certificate`, `no-answer`, `not-signed`, `nothing-listens`, `not-open`
 * @throws the signal's reason, where it was aborted
 * @see PROTOCOL.md sections 1, 6, 8 and 9
 */
export async function knock(options: KnockOptions): Promise<KnockResult> {
  requireKnockOptions(options);
  const { result, socket } = await deliver(options, { composer: await composerOf(options), watch: () => {} });
  socket?.destroy();
  return result;
}

async function composerOf(request: KnockOptions): Promise<Composer> {
  if (request.method === 'plain-sequence') return (await import('./plainsequence.js')).plainSequence(request);
  if (request.method === 'datagram') return (await import('./datagram.js')).datagram(request);
  if (request.method === 'challenge') {
    const { challenge } = await import('./challenge.js');
    return challenge(request, { isOneEnough: request.wait !== undefined });
  }
  const { identity } = request;
  return portSequence(request, clockWith(isClassic(identity) ? ownMemory() : processMemory(identity.key)));
}

/** Knocks, and waits where a port is given. @throws as `knock` */
export async function deliver(options: KnockDelivery, setting: KnockSetting): Promise<Delivered> {
  const startedAt = performance.now();
  options.signal?.throwIfAborted();
  const { targets, doors } = await findTargets(options, setting);
  const { composer, watch } = setting;
  watch({ event: 'resolved', targets });
  const delivery: Delivery = { options, targets, composer, watch };
  const addresses = await knockOnce(delivery, 1);
  const sentAt = performance.now();
  const { host } = options;
  if (options.wait === undefined) {
    const result = { host, addresses, attempts: 1, opened: undefined, totalMs: sentAt - startedAt };
    return { result, socket: undefined };
  }
  return new Waiting(delivery, options.wait, startedAt, sentAt).run(addresses, doors);
}

/** Where to knock and where to connect: only families that both have are of use. */
async function findTargets(
  { host, family }: KnockDelivery,
  { doorHost }: KnockSetting,
): Promise<{ targets: Target[]; doors: Target[] }> {
  if (doorHost === undefined || doorHost === host) {
    const targets = await resolveHost(host, family);
    return { targets, doors: targets };
  }
  const [targets, doors] = await Promise.all([resolveHost(host, family), resolveHost(doorHost, family)]);
  const useful = targets.filter(target => doors.some(door => door.family === target.family));
  return { targets: useful.length > 0 ? useful : targets, doors };
}

/** Waiting for one port to open, with the knocks that follow the first. */
class Waiting {
  readonly #delivery: Delivery;
  readonly #port: number;
  readonly #startedAt: number;
  readonly #sentAt: number[];

  constructor(delivery: Delivery, port: number, startedAt: number, sentAt: number) {
    this.#delivery = delivery;
    this.#port = port;
    this.#startedAt = startedAt;
    this.#sentAt = [sentAt];
  }

  async run(first: KnockedAddress[], doors: readonly Target[]): Promise<Delivered> {
    const { options, watch } = this.#delivery;
    const race = new DoorRace(addressesOf(doors, first), this.#port);
    const giveUp = () => race.giveUp();
    const deadline = setTimeout(giveUp, options.timeoutMs ?? defaultTimeoutMs);
    options.signal?.addEventListener('abort', giveUp);
    try {
      race.knocked(this.#isFinal(1));
      watch({ event: 'waiting', addresses: addressesOf(doors, first) });
      const addresses = await this.#knockAgain(race, first);
      const opening = await race.opening;
      options.signal?.throwIfAborted();
      return this.#conclude(opening, addresses);
    } catch (error) {
      giveUp();
      const opening = await race.opening;
      if (opening.outcome === 'opened') opening.socket.destroy();
      throw error;
    } finally {
      clearTimeout(deadline);
      options.signal?.removeEventListener('abort', giveUp);
    }
  }

  get #retries(): number {
    return this.#delivery.options.retries ?? defaultRetries;
  }

  #isFinal(attempt: number): boolean {
    return this.#delivery.composer.closedMayRefuse !== true || attempt > this.#retries;
  }

  async #knockAgain(race: DoorRace, first: KnockedAddress[]): Promise<KnockedAddress[]> {
    let addresses = first;
    for (let retry = 1; retry <= this.#retries; retry++) {
      if (await settlesWithin(race.opening, firstRetryMs * 2 ** (retry - 1))) break;
      addresses = (await this.#resend(race, retry + 1)) ?? addresses;
    }
    return addresses;
  }

  /** Knocks once more, unless the door opens meanwhile. */
  async #resend(race: DoorRace, attempt: number): Promise<KnockedAddress[] | undefined> {
    const { options } = this.#delivery;
    const opened = new AbortController();
    void race.opening.then(() => opened.abort());
    const signal = AbortSignal.any([
      opened.signal,
      ...(options.signal === undefined ? [] : [options.signal]),
    ]);
    try {
      const addresses = await knockOnce({ ...this.#delivery, options: { ...options, signal } }, attempt);
      this.#sentAt.push(performance.now());
      race.knocked(this.#isFinal(attempt));
      return addresses;
    } catch (error) {
      if (race.isOver) return undefined;
      throw error;
    }
  }

  #conclude(opening: Opening, addresses: KnockedAddress[]): Delivered {
    const { host } = this.#delivery.options;
    const now = performance.now();
    const attempts = this.#sentAt.length;
    const result = { host, addresses, attempts, opened: undefined, totalMs: now - this.#startedAt };
    if (opening.outcome !== 'opened') throw this.#failure(opening, result);
    const { address, socket, at } = opening;
    const sentAt = this.#sentAt.findLast(time => time <= at) ?? at;
    return { result: { ...result, opened: { address, waitMs: at - sentAt } }, socket };
  }

  #failure(opening: Exclude<Opening, { outcome: 'opened' }>, result: KnockResult): KnockError {
    if (opening.outcome === 'refused') {
      const mayBeClosed = this.#delivery.composer.closedMayRefuse === true;
      const why = mayBeClosed ? 'it did not open' : 'it is not guarded';
      const message = `${opening.address} refuses port ${this.#port}: ${why}, or open with nothing listening`;
      const hint = 'see on the server that the service runs';
      return new KnockError('nothing-listens', message, { hint }, result);
    }
    const knocks = result.attempts === 1 ? 'one knock' : `${result.attempts} knocks`;
    const message = `port ${this.#port} of ${result.host} did not open (${knocks}, ${Math.round(result.totalMs)} ms)`;
    return new KnockError('not-open', message, { hint: this.#delivery.composer.advice }, result);
  }
}

/** Only what was knocked at can open. */
function addressesOf(doors: readonly Target[], knocked: readonly KnockedAddress[]): string[] {
  const reached = doors.filter(({ family }) =>
    knocked.some(address => address.family === family && address.failure === undefined),
  );
  return (reached.length > 0 ? reached : doors).map(({ address }) => address);
}
