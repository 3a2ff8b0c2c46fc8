/** Who may come in by sequence numbers, and where: what the recogniser is given of a configuration. */
import type { Periods } from './format.js';

/** One who holds a key. */
export interface NumberClient {
  readonly name: string;
  readonly psk: Uint8Array;
  /** Names of doors, in the order of the configuration. */
  readonly doors: readonly string[];
  readonly revoked: boolean;
}

/** A door that numbers let in. */
export interface NumberDoor {
  readonly name: string;
  /** Of TCP, as connections arrive at them. */
  readonly ports: readonly number[];
}

export interface NumberSite extends Periods {
  /** The port that numbers are derived for, where it is not the one that is connected to. */
  readonly port: number | undefined;
  readonly clients: readonly NumberClient[];
  readonly doors: readonly NumberDoor[];
}
