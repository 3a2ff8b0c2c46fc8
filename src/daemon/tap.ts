/**
 * A packet socket on an interface, as the monitor holds it: it filters by the interface's own addresses, and follows
 * the interface when these change, when it goes down or away, and when another of its name comes.
 *
 * It reads no packet: the listener does, from the same open socket.
 */
import { closeSync, readFileSync } from 'node:fs';
import { formatAddress } from '../net/address.js';
import { packetFilter, type Wanted } from '../net/filter.js';
import {
  anyInterface,
  interfaceAddresses,
  interfaceIndex,
  isRunning,
  watchInterfaces,
} from '../net/interfaces.js';
import { SystemError } from '../net/libc.js';
import { bindPacketSocket, openPacketSocket, setPacketFilter } from '../net/packetsocket.js';
import { errorCode, OperatorError } from '../system/error.js';
import { type Log, messageOf } from './log.js';

/** What is to be let through. */
export interface TapWish extends Pick<Wanted, 'tcp' | 'udp' | 'ipv6'> {
  /** Destinations beside the interface's own addresses, 16 bytes each. */
  readonly targets: readonly Uint8Array[];
}

/** `gone`: no such interface; `bare`: it is down or has no address. What is let through does not depend on it. */
type State = 'heard' | 'bare' | 'gone';

const nothing: TapWish = { tcp: [], udp: [], targets: [], ipv6: false };

/** Changes come in bursts: an interface that comes up is many messages. */
const settleMs = 20;

export class Tap {
  readonly fd: number;
  /** Told when the addresses have changed; what is let through has been changed by then. */
  onChange: (() => void) | undefined;
  readonly #name: string;
  readonly #log: Log;
  readonly #watch: { close(): void };
  #wish = nothing;
  #addresses: readonly Uint8Array[];
  #index: number | undefined;
  #state: State;
  #settling: NodeJS.Timeout | undefined;

  /** Nothing is let through before `want`. @throws OperatorError where there is no such interface, or we may not */
  constructor(interfaceName: string, log: Log) {
    this.#name = interfaceName;
    this.#log = log;
    this.#index = indexOf(interfaceName);
    if (this.#index === undefined) throw noInterface(interfaceName);
    this.fd = open(interfaceName, this.#index);
    this.#watch = watchInterfaces(() => this.#renewSoon());
    this.#addresses = interfaceAddresses(interfaceName);
    this.#state = this.#stateNow();
    if (this.#state === 'bare') this.#tell();
    // What changed before the watch began.
    this.#renewSoon();
  }

  /** The interface's own addresses now, 16 bytes each. */
  get addresses(): readonly Uint8Array[] {
    return this.#addresses;
  }

  /** What is to be let through from now on. @throws OperatorError where that is too much, and all stays as it was */
  want(wish: TapWish): void {
    const before = this.#wish;
    this.#wish = wish;
    try {
      this.#filter(this.#addresses);
    } catch (error) {
      this.#wish = before;
      throw tooMuch(this.#name, error);
    }
  }

  close(): void {
    clearTimeout(this.#settling);
    this.#watch.close();
    closeSync(this.fd);
  }

  #filter(addresses: readonly Uint8Array[]): void {
    const { targets, ...wish } = this.#wish;
    setPacketFilter(this.fd, packetFilter({ ...wish, destinations: [...addresses, ...targets] }));
  }

  #renewSoon(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      try {
        this.#renew();
      } catch (error) {
        const text = `cannot follow the interface ${this.#name}: ${messageOf(tooMuch(this.#name, error))}`;
        this.#log.error({ event: 'interface' }, text);
      }
    }, settleMs).unref();
  }

  #renew(): void {
    const before = { state: this.#state, index: this.#index };
    const addresses = interfaceAddresses(this.#name);
    this.#bind();
    const isSame = Buffer.compare(joined(addresses), joined(this.#addresses)) === 0;
    if (!isSame) {
      this.#filter(addresses);
      this.#addresses = addresses;
    }
    this.#state = this.#stateNow();
    const isOther = this.#index !== undefined && before.index !== undefined && this.#index !== before.index;
    if (this.#state !== before.state || isOther) this.#tell();
    if (!isSame) this.onChange?.();
  }

  /** Also where the index is as it was: it may be another interface's, and for the same one nothing happens. */
  #bind(): void {
    this.#index = indexOf(this.#name);
    try {
      if (this.#index !== undefined) bindPacketSocket(this.fd, this.#index);
    } catch (error) {
      // It went away just now, and word of that is on its way.
      if (errorCode(error) !== 'ENODEV') throw error;
      this.#index = undefined;
    }
  }

  #stateNow(): State {
    if (this.#index === undefined) return 'gone';
    return this.#addresses.length > 0 && isRunning(this.#name) ? 'heard' : 'bare';
  }

  #tell(): void {
    const fields = { event: 'interface', interface: this.#name, state: this.#state };
    if (this.#state === 'gone') {
      this.#log.warn(fields, `the interface ${this.#name} is gone: no knock is heard until it is back`);
    } else if (this.#state === 'bare') {
      const text = 'is down or has no address: no knock to this machine is heard on it';
      this.#log.warn(fields, `the interface ${this.#name} ${text}`);
    } else {
      const addresses = this.#addresses.map(formatAddress).join(', ');
      this.#log.info(fields, `the interface ${this.#name} is back: ${addresses}`);
    }
  }
}

function indexOf(name: string): number | undefined {
  return name === anyInterface ? 0 : interfaceIndex(name);
}

function joined(addresses: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(addresses);
}

/** Binds with a filter in place: what comes before the first wish must not pile up. @throws OperatorError */
function open(name: string, index: number): number {
  let fd: number | undefined;
  try {
    fd = openPacketSocket();
    setPacketFilter(fd, packetFilter({ ...nothing, destinations: [] }));
    bindPacketSocket(fd, index);
    return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    if (!(error instanceof SystemError)) throw error;
    if (error.code === 'ENODEV') throw noInterface(name);
    const hint =
      error.code === 'EPERM'
        ? 'CAP_NET_RAW is missing: run as root'
        : 'the kernel needs packet sockets (modprobe af_packet)';
    throw new OperatorError('no-capture', `cannot listen on ${name}: ${messageOf(error)}`, { hint });
  }
}

function noInterface(name: string): OperatorError {
  return new OperatorError('no-interface', `there is no interface "${name}"`, {
    hint: `there are: ${[...interfaceNames(), anyInterface].join(', ')}`,
  });
}

/** Those that are down too. */
function interfaceNames(): string[] {
  const table = readFileSync('/proc/net/dev', 'latin1');
  return [...table.matchAll(/^\s*([^\s|]+):/gm)].map(([, name]) => name!);
}

function tooMuch(name: string, error: unknown): unknown {
  if (error instanceof RangeError) {
    return new OperatorError('too-many-ports', `cannot listen on ${name}: too many ports for one filter`, {
      hint: 'fewer doors, or ports that follow one another',
    });
  }
  if (errorCode(error) !== 'ENOMEM') return error;
  return new OperatorError('too-many-ports', `cannot listen on ${name}: its filter is too long`, {
    hint: 'raise net.core.optmem_max (sysctl)',
  });
}
