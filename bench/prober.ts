/**
 * Knocks, and finds the moment at which the door is open: connections are begun several times in a millisecond until one
 * is answered. It blocks the event loop meanwhile, so that Node's own turns are no part of what is measured.
 */
import { Attempts, beginConnect, drop, socketAddress, waitExactly } from './sockets.js';

/** Between two attempts; what is measured is late by this at most, and by one connection's time. */
export const attemptEveryMs = 0.1;
/** Attempts that are waited for; one that is older than all of them was begun before the door was open. */
const recentAttempts = 16;
/** An open door answers within much less. */
const shutForMs = 2;
/** A new connection may look to a firewall like part of one that was before: so more than one must get in. */
const shutChecks = 3;

export interface KnockRequest {
  readonly do: 'knock';
  /** Dotted IPv4. */
  readonly address: string;
  /** Where to send the SYNs, in order. */
  readonly ports: readonly number[];
  /** The port that opens. */
  readonly door: number;
  readonly timeoutMs: number;
  /** For the floor: the door is open before the knock, and after it. */
  readonly alwaysOpen?: boolean;
}

/** @returns milliseconds from before the last SYN to the first connection; undefined where none came in time */
export function knockAndConnect(request: KnockRequest): { readonly ms: number | undefined } {
  const door = socketAddress(request.address, request.door);
  waitExactly();
  if (request.alwaysOpen !== true) requireShut(door, request.door);
  const from = sendSyns(request.address, request.ports);
  const at = firstConnection(door, from + request.timeoutMs);
  return { ms: at === undefined ? undefined : at - from };
}

function requireShut(door: Buffer, port: number): void {
  for (let check = 0; check < shutChecks; check++) {
    if (firstConnection(door, performance.now() + shutForMs) === undefined) return;
  }
  throw new Error(`port ${port} was open before the knock`);
}

/** @returns the moment before the last one was handed to the kernel */
function sendSyns(address: string, ports: readonly number[]): number {
  let before = 0;
  for (const port of ports) {
    const to = socketAddress(address, port);
    before = performance.now();
    drop(beginConnect(to));
  }
  return before;
}

function firstConnection(door: Buffer, deadline: number): number | undefined {
  const attempts = new Attempts(recentAttempts);
  try {
    let next = 0;
    for (;;) {
      const now = performance.now();
      if (now > deadline) return undefined;
      if (now >= next) {
        attempts.add(beginConnect(door));
        next = now + attemptEveryMs;
      }
      if (attempts.connected(next - performance.now())) return performance.now();
    }
  } finally {
    attempts.dropAll();
  }
}
