/** What is compared: a way to open one port to whoever knocks, and what knocking at it takes. */
import type { Place } from './namespaces.js';
import type { Command } from './stopwatch.js';

export type ContenderName =
  | 'portknock'
  | 'native'
  | 'number'
  | 'datagram'
  | 'challenge'
  | 'knockd'
  | 'fwknop'
  | 'fwknopUdp'
  | 'floor';

/** A packet of a knock: a SYN, or a datagram where it has a payload. */
export interface KnockPacket {
  readonly port: number;
  /** In Latin-1, a character for each byte. */
  readonly payload?: string;
}

/** What a stranger sends to where it hurts: SYNs to any of these ports, or datagrams of such a payload. */
export interface Garbage {
  readonly ports: readonly number[];
  readonly payloadLength?: number;
  /** Instead: datagrams with each of these by turns, in Latin-1, all of one length. */
  readonly payloads?: readonly string[];
  /** Instead: datagrams that look like knocks signed by a certificate, of which only the work shows that they are none. */
  readonly shape?: DatagramShape;
}

export interface DatagramShape {
  /** Between header and key. */
  readonly bodyLength: number;
  /** `valid`: a point of the curve, another one each time. `random`: 64 bytes by chance. */
  readonly points: 'valid' | 'random';
}

export interface Contender {
  readonly name: ContenderName;
  readonly place: Place;
  readonly garbage: Garbage;
  /** Where its door's command says for whom it was started (bench/commandpipe.ts); without it the door opens a port. */
  readonly pipe?: string;
  /** The packets of one fresh knock from each of these addresses of the client's machine, in order. */
  composeKnocks(sources: readonly string[]): readonly (readonly KnockPacket[])[];
  /** Numbers for connections that need no knock, each for one. */
  takeNumbers?(count: number): readonly number[];
  /** Starts the daemon, where there is one. @returns when it hears knocks */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The process ids of the running daemon. */
  processes(): Promise<number[]>;
  /** Packets that did not reach the running daemon, since it was started; undefined where nobody counts them. */
  lost(): Promise<number | undefined>;
}

/** One with a daemon and a client of its own. */
export interface DaemonContender extends Contender {
  /** Starts the daemon in the foreground, and how its output says that it hears knocks. */
  readonly daemonCommand: Command;
  readonly readyPattern: string;
  /** Knocks once. */
  readonly clientCommand: Command;
}
