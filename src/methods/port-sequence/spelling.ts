/**
 * Blocks as ports: the ordered spelling (PROTOCOL.md section 1.1). What is in a block is not its business.
 */
import { blockLength } from '../../crypto/cipher.js';

/** How many ports the window of the ordered spelling has. */
export const orderedWindow = 256;

/** The highest base port at which a whole window fits below 65536. */
export const highestBasePort = 65536 - orderedWindow;

/**
 * The 16 ports that spell a block, in the order in which their SYNs must arrive.
 * @param block 16 bytes
 * @param basePort 1 to 65280
 */
export function spellOrdered(block: Uint8Array, basePort: number): number[] {
  if (block.length !== blockLength) throw new RangeError(`"block" expected 16 bytes, got ${block.length}`);
  requireBasePort(basePort);
  return Array.from(block, byte => basePort + byte);
}

/** The offset of a port in the window, 0 to 255, or −1 outside it. */
export function orderedOffset(port: number, basePort: number): number {
  const offset = port - basePort;
  return offset >= 0 && offset < orderedWindow ? offset : -1;
}

export function requireBasePort(basePort: number): void {
  if (!Number.isInteger(basePort) || basePort < 1 || basePort > highestBasePort) {
    throw new RangeError(`"basePort" expected integer 1 to ${highestBasePort}, got ${basePort}`);
  }
}
