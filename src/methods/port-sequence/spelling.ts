/**
 * Blocks as ports, in either spelling (PROTOCOL.md sections 1.1 and 1.2). What is in a block is not its business.
 */
import { blockLength } from '../../crypto/cipher.js';
import { encodeCodeword } from './codeword.js';

/**
 * How a block is spelled: `ordered`, 16 SYNs of which none may be missing or out of order, in 256 ports; `spread`, 32 SYNs
 * of which any 19 do, in any order, in 4096 ports.
 */
export type Spelling = 'ordered' | 'spread';

export const spellings: readonly Spelling[] = ['ordered', 'spread'];

/** How many ports the window of a spelling has. */
export const windowLength: Readonly<Record<Spelling, number>> = { ordered: 256, spread: 4096 };

/** The highest base port at which a whole window of a spelling fits below 65536. */
export const highestBasePort: Readonly<Record<Spelling, number>> = {
  ordered: 65536 - windowLength.ordered,
  spread: 65536 - windowLength.spread,
};

/** Bits of one symbol of the spread spelling; those above them say which symbol it is. */
export const symbolBits = 7;

/**
 * The ports that spell a block, in the order in which to send SYNs to them.
 * @param block 16 bytes
 * @param basePort 1 to 65280 (ordered), 1 to 61440 (spread)
 * @returns 16 ports (ordered), 32 ports (spread)
 */
export function spell(spelling: Spelling, block: Uint8Array, basePort: number): number[] {
  if (block.length !== blockLength) throw new RangeError(`"block" expected 16 bytes, got ${block.length}`);
  requireBasePort(spelling, basePort);
  if (spelling === 'ordered') return Array.from(block, byte => basePort + byte);
  return Array.from(encodeCodeword(block), (symbol, i) => basePort + (i << symbolBits) + symbol);
}

/** The offset of a port in the window, 0 to 255 (ordered) or 4095 (spread), or −1 outside it. */
export function offsetIn(spelling: Spelling, port: number, basePort: number): number {
  const offset = port - basePort;
  return offset >= 0 && offset < windowLength[spelling] ? offset : -1;
}

export function requireBasePort(spelling: Spelling, basePort: number): void {
  if (!Number.isInteger(basePort) || basePort < 1 || basePort > highestBasePort[spelling]) {
    throw new RangeError(
      `"basePort" expected integer 1 to ${highestBasePort[spelling]} for the ${spelling} spelling, got ${basePort}`,
    );
  }
}
