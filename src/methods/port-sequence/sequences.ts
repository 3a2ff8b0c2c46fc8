/** What has been heard of every source, in one spelling: SYNs in, blocks to try out. */
import type { Packet } from '../../net/packet.js';

export interface Sequences {
  /** How many sources are remembered. */
  readonly count: number;

  /**
   * Takes one SYN.
   * @param offset the packet's port within the window
   * @returns whether there is a block to try
   */
  hear(packet: Packet, offset: number): boolean;

  /** Fills `block`, 16 bytes, with the next block to try after the SYN heard last; false where none is left. */
  next(block: Uint8Array): boolean;

  /** Whether the block that `next` gave is worth a word even where it cannot be read. */
  readonly isTelling: boolean;

  /** The block that `next` gave was a knock, good or refused: forgets it. */
  spend(): void;

  /** The block that `next` gave could not be read, or only in doubt. */
  dismiss(): void;
}
