/**
 * Codewords of the spread spelling (PROTOCOL.md section 1.2): 16 bytes ⇄ 32 symbols of 7 bits, of which any 19 suffice.
 *
 * What a block says is not its business, nor how symbols become ports.
 */
import { blockLength } from '../../crypto/cipher.js';
import { codewordLength, Decoder, dataLength } from './decoder.js';
import { order } from './field.js';

const symbolBits = 7;
/** The bits of the last data symbol that are past the end of the block. */
const paddingMask = 2 ** (dataLength * symbolBits - blockLength * 8) - 1;
const isMissing = 0x80;

/** The 32 symbols of a block of 16 bytes, 0 to 127 each. */
export function encodeCodeword(block: Uint8Array): Uint8Array {
  const codeword = new Uint8Array(codewordLength);
  for (let i = 0, bits = 0, held = 0, at = 0; i < dataLength; i++) {
    if (held < symbolBits) {
      bits = (bits << 8) | (block[at++] ?? 0);
      held += 8;
    }
    held -= symbolBits;
    codeword[i] = (bits >> held) & order;
    bits &= (1 << held) - 1;
  }
  const decoder = new Decoder();
  decoder.load(codeword);
  for (let i = dataLength; i < codewordLength; i++) decoder.erase(i);
  decoder.solve();
  decoder.write(codeword);
  return codeword;
}

/** Whether a codeword whose symbol 18 this is spells a block: its last five bits are zero. */
export function isPadded(lastDataSymbol: number): boolean {
  return (lastDataSymbol & paddingMask) === 0;
}

/** The 16 bytes that a codeword spells; false where its last five bits are not zero, so that it spells none. */
export function blockOf(codeword: Uint8Array, block: Uint8Array): boolean {
  if (!isPadded(codeword[dataLength - 1]!)) return false;
  for (let at = 0, bits = 0, held = 0, i = 0; at < blockLength; at++) {
    while (held < 8) {
      bits = (bits << symbolBits) | codeword[i++]!;
      held += symbolBits;
    }
    held -= 8;
    block[at] = bits >> held;
    bits &= (1 << held) - 1;
  }
  return true;
}

/**
 * The codeword nearest to what was received.
 * @param received 32 symbols; 128 and above: missing
 * @param codeword 32 symbols, written where there is one
 * @returns how many of the held symbols are wrong, at most ⌊(held − 19) / 2⌋; −1 where there is no such codeword
 */
export function decodeCodeword(received: Uint8Array, codeword: Uint8Array): number {
  const decoder = new Decoder();
  decoder.load(received);
  for (let i = 0; i < codewordLength; i++) if (received[i]! >= isMissing) decoder.erase(i);
  const wrong = decoder.solve();
  if (wrong >= 0) decoder.write(codeword);
  return wrong;
}
