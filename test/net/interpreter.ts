/** Classic BPF (linux/filter.h), one instruction after the other as its documentation tells it: for tests. */

/** What the kernel knows of a packet beside its bytes. */
export interface Beside {
  readonly kind: number;
  readonly protocol: number;
}

interface Machine {
  readonly packet: Buffer;
  readonly beside: Beside;
  a: number;
  x: number;
  at: number;
}

/** Beyond the end a load ends the program, and nothing is let through. */
class OutOfPacket extends Error {}

function accumulatorAfter({ packet, beside, a, x }: Machine, code: number, k: number): number | undefined {
  if (code === 0x20 && k === 0xfffff004) return beside.kind;
  if (code === 0x20 && k === 0xfffff000) return beside.protocol;
  if (code === 0x20) return read(packet, k, 4);
  if (code === 0x28) return read(packet, k, 2);
  if (code === 0x30) return read(packet, k, 1);
  if (code === 0x48) return read(packet, x + k, 2);
  if (code === 0x50) return read(packet, x + k, 1);
  return code === 0x54 ? (a & k) >>> 0 : undefined;
}

function indexAfter({ packet }: Machine, code: number, k: number): number | undefined {
  if (code === 0xb1) return (read(packet, k, 1) & 0x0f) * 4;
  return code === 0x01 ? k : undefined;
}

function isMet({ a }: Machine, code: number, k: number): boolean | undefined {
  if (code === 0x15) return a === k;
  if (code === 0x35) return a >= k;
  return code === 0x45 ? (a & k) !== 0 : undefined;
}

function step(machine: Machine, instruction: Buffer): void {
  const [code, k] = [instruction.readUInt16LE(0), instruction.readUInt32LE(4)];
  const a = accumulatorAfter(machine, code, k);
  const x = indexAfter(machine, code, k);
  const met = isMet(machine, code, k);
  machine.at += 1;
  if (a !== undefined) machine.a = a;
  else if (x !== undefined) machine.x = x;
  else if (met !== undefined) machine.at += instruction[met ? 2 : 3]!;
  else if (code === 0x05) machine.at += k;
  else throw new RangeError(`unknown instruction 0x${code.toString(16)}`);
}

function read(packet: Buffer, at: number, length: number): number {
  if (at < 0 || at + length > packet.length) throw new OutOfPacket();
  return packet.readUIntBE(at, length);
}

/** Runs a program over a packet. @returns how many bytes it lets through @throws where the kernel would not take it */
export function runFilter(program: Uint8Array, packet: Buffer, beside: Beside): number {
  const bytes = Buffer.from(program);
  const machine: Machine = { packet, beside, a: 0, x: 0, at: 0 };
  try {
    for (;;) {
      const instruction = bytes.subarray(machine.at * 8, machine.at * 8 + 8);
      if (instruction.length < 8) throw new RangeError(`beyond the end: ${machine.at}`);
      if (instruction.readUInt16LE(0) === 0x06) return instruction.readUInt32LE(4);
      step(machine, instruction);
    }
  } catch (error) {
    if (error instanceof OutOfPacket) return 0;
    throw error;
  }
}
