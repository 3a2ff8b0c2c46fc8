/** The library's connections that are let in by the sequence number of their first packet. */
import { isIP, Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import {
  defaultPeriodMs,
  defaultToleranceMs,
  longestPeriodMs,
  longestToleranceMs,
  NumberSeries,
  shortestPeriodMs,
} from '../methods/sequence-number/format.js';
import { openNumbered, openUnconnected, putInPlace } from '../net/repair.js';
import { KnockError } from './failure.js';
import { nothingListens, notOpen, reachable, requireNumbering, unreachable, usedUp } from './numbered.js';
import { longestTimeoutMs, requireFamily, requireText, requireWithin } from './request.js';
import { resolveHost, type Target } from './resolve.js';
import type { Family } from './result.js';
import { nextNumbered, takeInProcess } from './steps.js';

const defaultTimeoutMs = 10_000;

/** What `connect` takes. */
export interface ConnectOptions {
  /** A name or an address, with its zone where it needs one (`fe80::1%eth0`); of a name, its first address. */
  readonly host: string;
  /** The TCP port to connect to, 1 to 65535. */
  readonly port: number;
  /** The key that the server knows the client by, at least one byte; of a text, the bytes of its UTF-8. */
  readonly psk: string | Uint8Array;
  /** The port that the server derives numbers for, 1 to 65535, where it is not `port`, as behind port forwarding. */
  readonly macPort?: number | undefined;
  /** How long a number is good, whole seconds in milliseconds, 1000 to 3600000, as the server has it; by default 30000. */
  readonly periodMs?: number | undefined;
  /** How far clocks may differ, whole seconds in milliseconds, 0 to 3600000, as the server has it; by default 30000. */
  readonly toleranceMs?: number | undefined;
  /** Only this family. */
  readonly family?: Family | undefined;
  /** How long to wait for the connection, in milliseconds, 1 to 86400000; by default 10000. */
  readonly timeoutMs?: number | undefined;
  /** Destroys the socket, also when it is connected. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects to a port that lets in those alone whose first packet has the right sequence number.
 *
 * This is no authentication by itself: whoever is on the way sees the number and can be faster with it, so what is
 * behind the port must ask who is there. It needs Linux and the privilege CAP_NET_ADMIN. A number lets in one
 * connection: what this process used is not used again, but other processes with the same key do not know of it. It is
 * one attempt at one address; nothing is tried again.
 *
 * @param options see `ConnectOptions`, where each has its unit and range
 * @returns a socket at once, like `net.connect`: what is written waits, and it emits `connect`, or `error` with a
 *   `KnockError` by `code`: `not-permitted`, `no-address`, `unreachable`, `used-up` (the message says how long to wait),
 *   `nothing-listens`, `not-open`; or with the `AbortError` of the signal. Errors of the connection itself are Node's
 * @throws TypeError, RangeError for options that are none
 * @see PROTOCOL.md section 7
 */
export function connect(options: ConnectOptions): Socket {
  requireConnectOptions(options);
  try {
    requireNumbering();
    const placeholder = openUnconnected(4);
    return new NumberedSocket(options, placeholder);
  } catch (error) {
    return new Socket().destroy(error as Error);
  }
}

/** A socket whose descriptor is exchanged for one with a number as soon as the address is known. */
class NumberedSocket extends Socket {
  readonly #options: ConnectOptions & { readonly psk: Uint8Array };
  readonly #series: NumberSeries;
  readonly #placeholder: number;
  readonly #deadline: NodeJS.Timeout;
  #isConnected = false;

  constructor(options: ConnectOptions, placeholder: number) {
    const { psk, port, macPort = port, timeoutMs = defaultTimeoutMs, signal } = options;
    // Else Node would read from it at once, which it takes for connected.
    const ways = { fd: placeholder, manualStart: true };
    super(ways);
    this.#options = { ...options, psk: Uint8Array.from(Buffer.from(psk as string)) };
    this.#series = new NumberSeries(this.#options.psk, macPort);
    this.#placeholder = placeholder;
    this.#deadline = setTimeout(() => this.destroy(this.#late()), timeoutMs);
    this.once('connect', () => {
      this.#isConnected = true;
      clearTimeout(this.#deadline);
    });
    // Destroys at once what was aborted before.
    if (signal !== undefined) addAbortSignal(signal, this);
    if (!this.destroyed) this.#begin();
  }

  #begin(): void {
    const { host, port } = this.#options;
    this.connect({
      // Of an address Node would ask nobody, and the number would be chosen too late.
      host: isIP(host) === 0 ? host : `[${host}]`,
      port,
      autoSelectFamily: false,
      lookup: (_host, _options, found) => {
        this.#prepare().then(
          ({ address, family }) => found(null, address, family),
          error => found(error as Error, ''),
        );
      },
    });
  }

  /** Finds the address, takes a number and puts a socket that has it in place. */
  async #prepare(): Promise<Target> {
    const { host, family } = this.#options;
    const [target] = await resolveHost(host, family);
    await reachable(host, [target!]);
    // By then the placeholder is somebody else's.
    if (this.destroyed) throw new Error('destroyed');
    putInPlace(openNumbered(target!.family, this.#takeNumber()), this.#placeholder);
    return target!;
  }

  #takeNumber(): number {
    const { psk, port, macPort = port } = this.#options;
    const { periodMs = defaultPeriodMs, toleranceMs = defaultToleranceMs } = this.#options;
    const periods = { periodMs, toleranceMs };
    const now = Date.now();
    const choice = takeInProcess({ psk, port: macPort, periods }, now, taken =>
      nextNumbered(this.#series, { now, periods, taken }),
    );
    if ('step' in choice) return this.#series.at(choice.step);
    throw usedUp(choice.waitMs, 'wait so long, or give every program a key of its own');
  }

  #late(): KnockError {
    const { host, port, timeoutMs = defaultTimeoutMs } = this.#options;
    return notOpen(host, port, `one number, ${timeoutMs} ms`);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#deadline);
    super._destroy(error === null || this.#isConnected ? error : this.#explain(error), done);
  }

  /** What the system says of a connection that does not stand, in our words. */
  #explain(error: Error): Error {
    const { host, port } = this.#options;
    const { code, address = host } = error as NodeJS.ErrnoException & { readonly address?: string };
    if (error instanceof KnockError || code === undefined || code === 'ABORT_ERR') return error;
    if (code === 'ECONNREFUSED') return nothingListens(address, port);
    if (code === 'ETIMEDOUT') return notOpen(host, port, 'one number');
    return unreachable(host, [`${address}: ${code}`]);
  }
}

/** @throws TypeError, RangeError */
function requireConnectOptions(options: ConnectOptions): void {
  const { host, port, psk, macPort, periodMs, toleranceMs, family, timeoutMs, signal } = options;
  requireText('host', host);
  requireWithin('port', port ?? Number.NaN, 1, 65535);
  if (typeof psk !== 'string' && !(psk instanceof Uint8Array)) {
    throw new TypeError('"psk" expected a text or bytes');
  }
  if (psk.length === 0) throw new RangeError('"psk" expected at least one byte');
  requireWithin('macPort', macPort, 1, 65535);
  requireSeconds('periodMs', periodMs, shortestPeriodMs, longestPeriodMs);
  requireSeconds('toleranceMs', toleranceMs, 0, longestToleranceMs);
  requireFamily(family);
  requireWithin('timeoutMs', timeoutMs, 1, longestTimeoutMs);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('"signal" expected an AbortSignal');
  }
}

function requireSeconds(name: string, ms: number | undefined, lowest: number, highest: number): void {
  requireWithin(name, ms, lowest, highest);
  if (ms === undefined || ms % 1000 === 0) return;
  throw new RangeError(`"${name}" expected whole seconds in milliseconds, got ${ms}`);
}
