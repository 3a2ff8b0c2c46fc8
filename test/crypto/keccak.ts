/**
 * KMAC128 once more, slowly: from the pages of FIPS 202 and NIST SP 800-185 alone, a lane a BigInt, a step mapping a
 * function. What the program uses is held against it.
 */

const lanes = 64n;
const mask = (1n << lanes) - 1n;
const rounds = 24;
/** KECCAK[256]: a rate of 168 bytes. */
const rate = 168;

/** Lanes A[x, y], FIPS 202 section 3.1.2. */
type State = bigint[][];

const five = [0, 1, 2, 3, 4];
const at = (state: State, x: number, y: number): bigint => state[(x + 5) % 5]![(y + 5) % 5]!;
const made = (lane: (x: number, y: number) => bigint): State => five.map(x => five.map(y => lane(x, y)));

function rotated(lane: bigint, offset: number): bigint {
  const by = BigInt(offset % 64);
  return ((lane << by) | (lane >> (lanes - by))) & mask;
}

/** Section 3.2.1. */
function theta(state: State): State {
  const c = five.map(x => five.reduce((sum, y) => sum ^ at(state, x, y), 0n));
  const d = five.map(x => c[(x + 4) % 5]! ^ rotated(c[(x + 1) % 5]!, 1));
  return made((x, y) => at(state, x, y) ^ d[x]!);
}

/** Section 3.2.2. */
function rho(state: State): State {
  const result = made((x, y) => at(state, x, y));
  let [x, y] = [1, 0];
  for (let t = 0; t < 24; t++) {
    result[x]![y] = rotated(at(state, x, y), ((t + 1) * (t + 2)) / 2);
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return result;
}

/** Section 3.2.3. */
const pi = (state: State): State => made((x, y) => at(state, x + 3 * y, x));

/** Section 3.2.4. */
const chi = (state: State): State =>
  made((x, y) => at(state, x, y) ^ (~at(state, x + 1, y) & mask & at(state, x + 2, y)));

/** Section 3.2.5, algorithm 5: the bit that a register of eight bits gives out at its step t. */
function rc(t: number): bigint {
  if (t % 255 === 0) return 1n;
  let register = [1, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 1; i <= t % 255; i++) {
    register = [0, ...register];
    for (const tap of [0, 4, 5, 6]) register[tap]! ^= register[8]!;
    register = register.slice(0, 8);
  }
  return BigInt(register[0]!);
}

/** Section 3.2.5, algorithm 6. */
function iota(state: State, round: number): State {
  let constant = 0n;
  for (let j = 0; j <= 6; j++) constant |= rc(j + 7 * round) << (2n ** BigInt(j) - 1n);
  return made((x, y) => at(state, x, y) ^ (x === 0 && y === 0 ? constant : 0n));
}

function permuted(state: State): State {
  let result = state;
  for (let round = 0; round < rounds; round++) result = iota(chi(pi(rho(theta(result)))), round);
  return result;
}

/** The lane at a place in the string that a state stands for: A[x, y] is lane 5y + x. */
const place = (index: number): [number, number] => [index % 5, Math.floor(index / 5)];

/** Section 4, algorithm 8, for a message that is padded to whole blocks, and an output of at most one. */
function sponge(padded: Uint8Array, length: number): Buffer {
  let state = made(() => 0n);
  for (let block = 0; block < padded.length; block += rate) {
    for (let index = 0; index < rate / 8; index++) {
      const [x, y] = place(index);
      state[x]![y]! ^= Buffer.from(padded).readBigUInt64LE(block + index * 8);
    }
    state = permuted(state);
  }
  const output = Buffer.alloc(rate);
  for (let index = 0; index < rate / 8; index++) {
    const [x, y] = place(index);
    output.writeBigUInt64LE(at(state, x, y), index * 8);
  }
  return output.subarray(0, length);
}

/** SP 800-185 section 2.3.1: the fewest bytes of a number, at least one. */
function bytesOf(value: number): number[] {
  const rest = Math.floor(value / 256);
  return [...(rest > 0 ? bytesOf(rest) : []), value % 256];
}

const leftEncode = (value: number): number[] => [bytesOf(value).length, ...bytesOf(value)];
const rightEncode = (value: number): number[] => [...bytesOf(value), bytesOf(value).length];
/** Section 2.3.2. */
const encodeString = (text: Uint8Array): number[] => [...leftEncode(text.length * 8), ...text];

/** Section 2.3.3, for a width of the rate. */
function bytepad(bytes: readonly number[]): number[] {
  const result = [...leftEncode(rate), ...bytes];
  while (result.length % rate !== 0) result.push(0);
  return result;
}

/** Section 4.3. @param length of the code in bytes, at most 168 */
export function slowKmac128(
  key: Uint8Array,
  message: Uint8Array,
  length: number,
  customization: Uint8Array,
): Buffer {
  const name = [...encodeString(Buffer.from('KMAC')), ...encodeString(customization)];
  const input = [...bytepad(name), ...bytepad(encodeString(key)), ...message, ...rightEncode(length * 8)];
  // Section 3.3: the two zero bits of cSHAKE, then pad10*1 of FIPS 202 section 5.1; bits fill a byte from its lowest on.
  input.push(0x04);
  while (input.length % rate !== 0) input.push(0);
  input[input.length - 1]! |= 0x80;
  return sponge(Uint8Array.from(input), length);
}
