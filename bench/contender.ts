/** What is compared: a daemon that opens one port to whoever knocks, and the client that knocks at it. */
import type { Place } from './namespaces.js';
import type { Command } from './stopwatch.js';

export interface Contender {
  readonly name: 'portknock' | 'knockd';
  readonly place: Place;
  /** Starts the daemon. @returns when it hears knocks */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The process ids of the running daemon. */
  processes(): Promise<number[]>;
  /** The ports of the next knock. */
  knockPorts(): readonly number[];
  /** The ports that the daemon listens to: where a flood hurts. */
  readonly window: readonly number[];
  /** Packets that the daemon says it never saw, where it counts them. */
  lost(): Promise<number | undefined>;
  /** Starts the daemon in the foreground, and how its output says that it hears knocks. */
  readonly daemonCommand: Command;
  readonly readyPattern: string;
  /** Knocks once. */
  readonly clientCommand: Command;
}
