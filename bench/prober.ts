/**
 * Knocks, and finds the moment at which the door is open: connections are begun several times in a millisecond until one
 * is answered; or at which its command was started, which says so. It blocks the event loop meanwhile, so that Node's
 * own turns are no part of what is measured.
 */
import { CommandPipe } from './commandpipe.js';
import type { KnockPacket } from './contender.js';
import { ipv4Number } from './packet.js';
import { KnockSender } from './sender.js';
import { Attempts, beginConnect, socketAddress, waitExactly } from './sockets.js';

/** Between two attempts; what is measured is late by this at most, and by one connection's time. */
export const attemptEveryMs = 0.1;
/** Attempts that are waited for; one that is older than all of them was begun before the door was open. */
const recentAttempts = 16;
/** An open door answers within much less. */
const shutForMs = 2;

export interface KnockRequest {
  readonly do: 'knock';
  /** Dotted IPv4: the client's, and the server's. */
  readonly source: string;
  readonly address: string;
  /** What to send, in order. */
  readonly packets: readonly KnockPacket[];
  /** The port that opens. */
  readonly door: number;
  /** Instead: what the command that is started writes to. */
  readonly pipe?: string;
  readonly timeoutMs: number;
  /** For the floor: the door is open before the knock, and after it. */
  readonly alwaysOpen?: boolean;
}

/** The moment at which a door is seen to be open; undefined where it is not until then. */
type Watch = (deadline: number) => number | undefined;

/**
 * @returns milliseconds from before the last packet to the first connection, or the command's word; undefined where
 * neither came in time
 */
export function knockAndWait(request: KnockRequest): { readonly ms: number | undefined } {
  waitExactly();
  if (request.pipe === undefined) return knockAndConnect(request);
  const pipe = new CommandPipe(request.pipe);
  try {
    return knock(request, deadline => pipe.toldBy(request.source, deadline));
  } finally {
    pipe.close();
  }
}

function knockAndConnect(request: KnockRequest): { readonly ms: number | undefined } {
  const door = socketAddress(request.address, request.door);
  const from = socketAddress(request.source, 0);
  const watch: Watch = deadline => firstConnection(door, from, deadline);
  if (request.alwaysOpen !== true && watch(performance.now() + shutForMs) !== undefined)
    throw new Error(`port ${request.door} was open before the knock`);
  return knock(request, watch);
}

function knock({ source, address, packets, timeoutMs }: KnockRequest, watch: Watch) {
  const sender = new KnockSender(packets.length, address);
  try {
    for (const [index, packet] of packets.entries()) sender.put(index, ipv4Number(source), packet);
    sender.send(packets.length - 1);
    const begun = performance.now();
    sender.send(1, packets.length - 1);
    const at = watch(begun + timeoutMs);
    return { ms: at === undefined ? undefined : at - begun };
  } finally {
    sender.close();
  }
}

/** @returns the moment at which a connection succeeds; undefined where none does until then */
export function firstConnection(door: Buffer, from: Buffer, deadline: number): number | undefined {
  const attempts = new Attempts(recentAttempts);
  try {
    let next = 0;
    for (;;) {
      const now = performance.now();
      if (now > deadline) return undefined;
      if (now >= next) {
        attempts.add(beginConnect(door, from));
        next = now + attemptEveryMs;
      }
      if (attempts.connected(next - performance.now())) return performance.now();
    }
  } finally {
    attempts.dropAll();
  }
}
