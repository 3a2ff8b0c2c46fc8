/**
 * What a client sends for a plain sequence (PROTOCOL.md section 6), and how people name its ports on a command line.
 *
 * It looks up no service: what is no number is left to who can.
 */
import { tcp, udp } from '../../net/packet.js';
import type { Step } from './format.js';

/** One packet: a SYN, or a datagram with its payload. */
export interface Packet extends Step {
  readonly payload: Uint8Array | undefined;
}

/** What knock(1) puts into a datagram: one byte, for there are networks that lose an empty one. */
const payload = Uint8Array.of(0);

/** The packets for a sequence, in order. */
export function compose(sequence: readonly Step[]): Packet[] {
  return sequence.map(({ protocol, port }) => ({
    protocol,
    port,
    payload: protocol === udp ? payload : undefined,
  }));
}

const protocols = new Map([
  ['tcp', tcp],
  ['udp', udp],
]);

/** A port as it was named. */
export interface Operand {
  readonly protocol: number;
  /** 1 to 65535, or the name of a service. */
  readonly port: number | string;
}

/** Why something names no port. */
export interface OperandMistake {
  readonly mistake: string;
  readonly hint: string | undefined;
}

/** `7000`, `8000:udp`, `8000/UDP`, `ssh`, `domain:udp` → what is meant. Without a protocol it is TCP. */
export function parseOperand(text: string): Operand | OperandMistake {
  const match = /^([^:/,\s]+)(?:[:/]([^:/,\s]+))?$/.exec(text);
  if (match === null) return { mistake: `"${text}" is no port`, hint: shapeHint(text) };
  const [, name = '', word = 'tcp'] = match;
  const protocol = protocols.get(word.toLowerCase());
  if (protocol === undefined) {
    return { mistake: `"${text}" has the protocol "${word}"`, hint: `it is tcp or udp: ${name}:udp` };
  }
  if (!/^[+-]?\d+$/.test(name)) return { protocol, port: name };
  const port = /^\d{1,9}$/.test(name) ? Number(name) : 0;
  if (port >= 1 && port <= 65535) return { protocol, port };
  return { mistake: `"${text}" is no port`, hint: 'ports are 1 to 65535' };
}

function shapeHint(text: string): string {
  return text.includes(',')
    ? `put blanks between ports: ${text.split(',').join(' ')}`
    : 'such as 7000, 8000:udp or ssh';
}
