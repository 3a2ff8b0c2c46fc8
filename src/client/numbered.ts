/**
 * Connections that are let in by the sequence number of their first packet (PROTOCOL.md section 7). Linux, with
 * CAP_NET_ADMIN. What is sent is the connection itself and nothing else.
 */
import { Socket } from 'node:net';
import { NumberSeries, type Periods } from '../methods/sequence-number/format.js';
import { type NumberingObstacle, numberingObstacle, openNumbered } from '../net/repair.js';
import { roughly } from '../system/duration.js';
import { errorCode } from '../system/error.js';
import { KnockError } from './failure.js';
import { localAddress, resolveHost, type Target } from './resolve.js';
import type { Family } from './result.js';
import { type Choice, nextNumbered, type StepMemory } from './steps.js';
import { settlesWithin } from './wait.js';

/** Addresses get the same number, of which the server lets in one: the second waits whether the first does. */
const betweenAddressesMs = 250;
/** Without an answer for so long, the number may have been used, or the clocks differ: the next one is tried. */
const betweenNumbersMs = 3000;

/** A connection to be made. */
export interface NumberedRequest {
  /** A name or an address, with its zone where it needs one. */
  readonly host: string;
  readonly port: number;
  readonly psk: Uint8Array;
  /** The port that numbers are derived for, where it is not `port`. */
  readonly macPort?: number | undefined;
  readonly periods: Periods;
  /** Added to this machine's clock. */
  readonly clockOffsetMs?: number | undefined;
  readonly family?: Family | undefined;
  readonly timeoutMs: number;
  /** Nothing is read from the connection, so that its descriptor can be handed on. */
  readonly paused?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What happens on the way, for those who watch. */
export type NumberedEvent =
  | { readonly event: 'resolved'; readonly targets: readonly Target[] }
  | { readonly event: 'connecting'; readonly address: string; readonly step: number }
  /** All numbers that are good now were used; the next one is good then. */
  | { readonly event: 'waiting'; readonly ms: number };

/** What is known beyond the request. */
export interface NumberedSetting {
  readonly memory: StepMemory;
  readonly watch: (event: NumberedEvent) => void;
}

/** A connection that stands: its owner ends it. */
export interface NumberedConnection {
  /** Half-open at either end; an error before anyone listens is not thrown. */
  readonly socket: Socket;
  /** The descriptor of `socket`, which closes it. */
  readonly fd: number;
  readonly address: string;
  /** Whose number let it in. */
  readonly step: number;
}

/**
 * Connects with the next number that was not used, and after a while without an answer with the one after it.
 * @throws KnockError `not-permitted`, `no-address`, `unreachable`, `used-up`, `nothing-listens`, `not-open`; the
 *   signal's reason
 */
export async function connectNumbered(
  request: NumberedRequest,
  setting: NumberedSetting,
): Promise<NumberedConnection> {
  requireNumbering();
  request.signal?.throwIfAborted();
  const targets = await reachable(request.host, await resolveHost(request.host, request.family));
  setting.watch({ event: 'resolved', targets });
  return new Connecting(request, setting, targets).run();
}

/** @throws KnockError `not-permitted` where numbers cannot be chosen here */
export function requireNumbering(): void {
  const obstacle = numberingObstacle();
  if (obstacle !== undefined) throw notPermitted(obstacle);
}

/** @throws KnockError `not-permitted` where there is neither the choice of numbers nor the handing over of sockets */
export function requireLinux(): void {
  if (process.platform !== 'linux') throw notPermitted('not-linux');
}

function notPermitted(obstacle: NumberingObstacle): KnockError {
  if (obstacle === 'not-linux') {
    return new KnockError('not-permitted', 'the sequence number can be chosen on Linux alone', {
      hint: 'connect from a Linux machine, such as with ssh -J; other doors are knocked for without it',
    });
  }
  if (obstacle === 'no-repair') {
    return new KnockError(
      'not-permitted',
      'this kernel does not let the sequence number be chosen (TCP_REPAIR)',
      { hint: 'connect from a machine with a newer one, and not in a sandbox' },
    );
  }
  const message = 'to choose the sequence number needs the privilege CAP_NET_ADMIN';
  return new KnockError('not-permitted', message, {
    hint: [
      'one of: the socket service (sudo systemctl enable --now portknock-sockets.socket)',
      'sudo in the ProxyCommand',
      'a copy of node that only you can run, with setcap cap_net_admin+ep',
    ].join('; '),
  });
}

/** The targets that there is a way to: a number for one that cannot be sent would be lost. @throws KnockError `unreachable` */
export async function reachable(host: string, targets: readonly Target[]): Promise<Target[]> {
  const failures: string[] = [];
  const routes = targets.map(async target => {
    try {
      await localAddress(target);
      return [target];
    } catch (error) {
      failures.push(`${target.address}: ${errorCode(error) ?? String(error)}`);
      return [];
    }
  });
  const found = (await Promise.all(routes)).flat();
  if (found.length > 0) return found;
  throw unreachable(host, failures);
}

/** The error where no address can be reached. @param failures why, each with its address */
export function unreachable(host: string, failures: readonly string[]): KnockError {
  return new KnockError('unreachable', `${host} cannot be reached (${failures.join(', ')})`, {
    hint: 'check the connection to the network',
  });
}

/** One connection in the making: numbers one after the other, until one is let in. */
class Connecting {
  readonly #request: NumberedRequest;
  readonly #setting: NumberedSetting;
  readonly #series: NumberSeries;
  readonly #race: NumberRace;
  readonly #startedAt = performance.now();
  #numbers = 0;

  constructor(request: NumberedRequest, setting: NumberedSetting, targets: readonly Target[]) {
    this.#request = request;
    this.#setting = setting;
    this.#series = new NumberSeries(request.psk, request.macPort ?? request.port);
    this.#race = new NumberRace(request, targets);
  }

  async run(): Promise<NumberedConnection> {
    const { timeoutMs, signal } = this.#request;
    const giveUp = () => this.#race.end(undefined);
    const deadline = setTimeout(giveUp, timeoutMs);
    signal?.addEventListener('abort', giveUp);
    try {
      signal?.throwIfAborted();
      while (await this.#tryNext());
      signal?.throwIfAborted();
      const connection = await this.#race.outcome;
      signal?.throwIfAborted();
      if (connection === undefined) throw this.#failure();
      return connection;
    } catch (error) {
      giveUp();
      (await this.#race.outcome)?.socket.destroy();
      throw error;
    } finally {
      clearTimeout(deadline);
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** @returns whether another number may be tried */
  async #tryNext(): Promise<boolean> {
    const choice = await this.#setting.memory.take(taken => this.#choose(taken));
    if ('step' in choice) {
      await this.#connect(choice.step);
      return !this.#race.isOver;
    }
    const remainingMs = this.#request.timeoutMs - (performance.now() - this.#startedAt);
    if (choice.waitMs > remainingMs) {
      if (this.#numbers === 0) throw usedUp(choice.waitMs, waitHint(choice.waitMs));
      return false;
    }
    this.#setting.watch({ event: 'waiting', ms: choice.waitMs });
    return !(await settlesWithin(this.#race.outcome, choice.waitMs));
  }

  #choose(taken: ReadonlySet<number>): Choice {
    const { periods, clockOffsetMs = 0 } = this.#request;
    return nextNumbered(this.#series, { now: Date.now() + clockOffsetMs, periods, taken });
  }

  async #connect(step: number): Promise<void> {
    const number = this.#series.at(step);
    const begun = performance.now();
    this.#numbers += 1;
    for (const target of this.#race.left) {
      if (this.#race.isOver) return;
      this.#setting.watch({ event: 'connecting', address: target.address, step });
      this.#race.begin(target, number, step);
      await settlesWithin(this.#race.outcome, betweenAddressesMs);
    }
    await settlesWithin(this.#race.outcome, betweenNumbersMs - (performance.now() - begun));
  }

  #failure(): KnockError {
    const { host, port } = this.#request;
    const { refusing, failures } = this.#race;
    if (refusing !== undefined) {
      return nothingListens(refusing, port);
    }
    if (this.#race.left.length === 0) return unreachable(host, failures);
    const numbers = this.#numbers === 1 ? 'one number' : `${this.#numbers} numbers`;
    const took = Math.round(performance.now() - this.#startedAt);
    return notOpen(host, port, `${numbers}, ${took} ms`);
  }
}

/** The error where an address answers that nobody listens. */
export function nothingListens(address: string, port: number): KnockError {
  const message = `${address} refuses port ${port}: it is not guarded, or let us in with nothing listening`;
  return new KnockError('nothing-listens', message, { hint: 'see on the server that the service runs' });
}

/** The error where nothing answers. @param effort what was done until then */
export function notOpen(host: string, port: number, effort: string): KnockError {
  return new KnockError('not-open', `port ${port} of ${host} did not open (${effort})`, {
    hint: notOpenHint,
  });
}

const notOpenHint = [
  'see that the key, the period and the clock are those of the server',
  'that no other program uses the same key',
  'and which port the server derives numbers for (--mac-port)',
].join(', ');

/** The error where every number that is good now was used. */
export function usedUp(waitMs: number, hint: string): KnockError {
  const message = `every number that is good now was used; the next is good in ${roughly(waitMs)}`;
  return new KnockError('used-up', message, { hint });
}

function waitHint(waitMs: number): string {
  return `wait so long, or let it wait with --timeout ${Math.ceil(waitMs / 1000) + 5}s`;
}

/** Connections that hang until one of them stands. */
class NumberRace {
  /** Settled once, with undefined where none did; never rejects. */
  readonly outcome: Promise<NumberedConnection | undefined>;
  #settle!: (connection: NumberedConnection | undefined) => void;
  #isOver = false;
  readonly #request: NumberedRequest;
  readonly #failed = new Map<Target, string>();
  readonly #targets: readonly Target[];
  readonly #hanging = new Set<Socket>();

  constructor(request: NumberedRequest, targets: readonly Target[]) {
    this.#request = request;
    this.#targets = targets;
    this.outcome = new Promise(resolve => {
      this.#settle = resolve;
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The targets that have not said no. */
  get left(): Target[] {
    return this.#targets.filter(target => !this.#failed.has(target));
  }

  /** The address of one that refused. */
  get refusing(): string | undefined {
    return [...this.#failed].find(([, code]) => code === 'ECONNREFUSED')?.[0].address;
  }

  get failures(): string[] {
    return Array.from(this.#failed, ([{ address }, code]) => `${address}: ${code}`);
  }

  begin(target: Target, number: number, step: number): void {
    const { family, address } = target;
    const { port, paused } = this.#request;
    const fd = openNumbered(family, number);
    const socket = unread(fd);
    this.#hanging.add(socket);
    socket.on('connect', () => this.#win({ socket, fd, address, step }));
    socket.on('error', error => this.#lose(socket, target, errorCode(error) ?? String(error)));
    socket.setNoDelay(true);
    if (paused) socket.pause();
    socket.connect({ host: address, port });
  }

  #win(connection: NumberedConnection): void {
    if (this.#isOver) return;
    this.#hanging.delete(connection.socket);
    this.end(connection);
  }

  #lose(socket: Socket, target: Target, code: string): void {
    // An error of the connection itself is its owner's.
    if (!this.#hanging.delete(socket) || code === 'ETIMEDOUT') return;
    this.#failed.set(target, code);
    if (this.left.length === 0) this.end(undefined);
  }

  /** What is given up while it hangs sends nothing. */
  end(connection: NumberedConnection | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const socket of this.#hanging) socket.destroy();
    this.#hanging.clear();
    this.#settle(connection);
  }
}

/** A socket of a descriptor: Node reads nothing from it before its owner does. */
export function unread(fd: number): Socket {
  // Else Node would read from it at once, which it takes for connected.
  const options = { fd, manualStart: true, allowHalfOpen: true };
  return new Socket(options);
}
