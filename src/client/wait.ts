/**
 * Waiting for a port to open: connections begun again and again, the first that is let in wins.
 *
 * A closed door drops, so every attempt just hangs, and none is given up before one has won: behind a door for a single
 * connection, the one given up might be the one that was let in.
 */
import { connect, type Socket } from 'node:net';

/** Milliseconds between rounds of attempts, the first at once after the last SYN of a knock; then every second. */
const pauses = [1, 1, 1, 2, 3, 12, 25, 45, 90, 170, 350, 300];
const everyMs = 1000;
/** Where two addresses are open, one of them wins before the other is through, and the server sees one connection. */
const betweenAddressesMs = 1;
/** Attempts to one address that may hang at a time; the kernel repeats their SYNs meanwhile. */
const mostHanging = 64;
/** A single refusal may come from before the knock; the door is open when they go on for so long. */
const refusedForMs = 200;

/** How the waiting ended. */
export type Opening =
  | { readonly outcome: 'opened'; readonly address: string; readonly socket: Socket; readonly at: number }
  | { readonly outcome: 'refused'; readonly address: string }
  | { readonly outcome: 'timed-out' };

/** One port at some addresses. `at` and all times are those of `performance.now()`. */
export class DoorRace {
  /** Settled once; never rejects. */
  readonly opening: Promise<Opening>;
  #settle!: (opening: Opening) => void;
  #isOver = false;
  readonly #addresses: readonly string[];
  readonly #port: number;
  readonly #hanging = new Map<Socket, string>();
  #timer: NodeJS.Timeout | undefined;
  #knocks = 0;
  #isFinal = true;
  readonly #firstRefusal = new Map<string, number>();
  readonly #refusing = new Set<string>();

  /** @param addresses with their zones @param port 1 to 65535 */
  constructor(addresses: readonly string[], port: number) {
    this.#addresses = addresses;
    this.#port = port;
    this.opening = new Promise(resolve => {
      this.#settle = resolve;
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * A knock has just gone out: tries at once and often, then less often.
   * @param isFinal whether refusals may end the waiting
   */
  knocked(isFinal = true): void {
    this.#isFinal = isFinal;
    clearTimeout(this.#timer);
    this.#firstRefusal.clear();
    this.#refusing.clear();
    this.#knocks += 1;
    this.#goOn(this.#knocks, 0);
  }

  /** Ends the waiting, where it has not ended: as refused, if it was, else as timed out. */
  giveUp(): void {
    const [address] = this.#refusing;
    this.#end(address === undefined ? { outcome: 'timed-out' } : { outcome: 'refused', address });
  }

  #goOn(knock: number, step: number): void {
    if (this.#isOver || knock !== this.#knocks) return;
    const count = this.#addresses.length;
    this.#connect(this.#addresses[step % count]!);
    const isRoundOver = (step + 1) % count === 0;
    const pauseMs = isRoundOver ? (pauses[Math.floor(step / count)] ?? everyMs) : betweenAddressesMs;
    // After what has arrived meanwhile: a late timer must not begin another connection where one is through.
    const next = () => setImmediate(() => this.#goOn(knock, step + 1));
    this.#timer = setTimeout(next, pauseMs);
  }

  #connect(address: string): void {
    const hanging = [...this.#hanging.values()].filter(other => other === address).length;
    if (hanging >= mostHanging) return;
    const socket = connect({
      host: address,
      port: this.#port,
      autoSelectFamily: false,
      allowHalfOpen: true,
      noDelay: true,
    });
    this.#hanging.set(socket, address);
    socket.on('connect', () => this.#win(socket, address));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#hanging.delete(socket);
      if (error.code === 'ECONNREFUSED') this.#refused(address);
    });
  }

  #win(socket: Socket, address: string): void {
    if (this.#isOver) return;
    this.#hanging.delete(socket);
    this.#end({ outcome: 'opened', address, socket, at: performance.now() });
  }

  #refused(address: string): void {
    const now = performance.now();
    const first = this.#firstRefusal.get(address) ?? now;
    this.#firstRefusal.set(address, first);
    if (now - first < refusedForMs) return;
    this.#refusing.add(address);
    if (this.#isFinal && this.#refusing.size === this.#addresses.length) this.giveUp();
  }

  #end(opening: Opening): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    // What is given up while it hangs sends nothing: the server never sees that there was more than one.
    for (const socket of this.#hanging.keys()) socket.destroy();
    this.#hanging.clear();
    this.#settle(opening);
  }
}

/** Whether a promise settles in time; a timer that is not needed any more is taken away. */
export async function settlesWithin(settling: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>(resolve => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([settling.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
