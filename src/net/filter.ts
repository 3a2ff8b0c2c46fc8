/**
 * What the kernel lets through to a packet socket, as a classic BPF program (linux/filter.h).
 *
 * It spares us packets that nobody waits for, and is no judge: what it lets through is decoded and checked again. It is
 * for sockets of kind SOCK_DGRAM, where offsets begin at the IP header on every kind of link.
 */
import { isIPv4Mapped } from './address.js';
import { tcp, udp } from './packet.js';

/** Ports or other numbers, both ends belong to it. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** TCP packets to some ports whose flags, masked, have a value. */
export interface TcpWanted {
  readonly ports: readonly PortRange[];
  readonly mask: number;
  readonly value: number;
}

export interface Wanted {
  /** 16 bytes each; none: nothing is let through. */
  readonly destinations: readonly Uint8Array[];
  readonly tcp: readonly TcpWanted[];
  readonly udp: readonly PortRange[];
  /** false: no IPv6 at all. */
  readonly ipv6: boolean;
}

/** Bytes of a packet that are copied to us: IPv6, a chain of extension headers, TCP. */
export const snapLength = 256;

/** BPF_MAXINSNS of linux/bpf_common.h. */
const mostInstructions = 4096;
const instructionLength = 8;

const loadWord = 0x20;
const loadHalf = 0x28;
const loadByte = 0x30;
const loadHalfAfterHeader = 0x48;
const loadByteAfterHeader = 0x50;
const loadHeaderLength = 0xb1;
const setHeaderLength = 0x01;
const and = 0x54;
const jump = 0x05;
const ifEqual = 0x15;
const ifAtLeast = 0x35;
const ifAnyBit = 0x45;
const end = 0x06;

/** SKF_AD_OFF: what the kernel knows of a packet beside its bytes. */
const beside = -0x1000;
const linkProtocol = beside;
const packetKind = beside + 4;
const outgoing = 4;
const etherIPv4 = 0x0800;
const etherIPv6 = 0x86dd;

const ipv6Header = 40;
const fragmentHeader = 44;
/** Those that net/packet.ts looks behind: hop by hop, routing, authentication, destination options, mobility. */
const otherExtensions = [0, 43, 51, 60, 135];

/** A place in the program: how many instructions there are from it to the end. */
type Label = number;

/** Where a condition goes on. */
interface Ways {
  readonly yes: Label;
  readonly no: Label;
}

/** A longer way than this, less what is put in between, does not fit in the eight bits of a conditional jump. */
const furthest = 250;

/** A program that is written from its end to its start, since all its jumps go forward: so all targets are known. */
class Program {
  /** Code, two offsets, operand; the last one first. */
  readonly #instructions: (readonly [number, number, number, number])[] = [];
  readonly #steppingStones = new Map<Label, Label>();

  /** An instruction, and what follows it. @returns where it stands */
  put(code: number, operand: number, next: Label = this.#here): Label {
    if (next !== this.#here) this.#push(jump, 0, 0, this.#here - next);
    return this.#push(code, 0, 0, operand);
  }

  /** A condition on what is loaded. @returns where it stands */
  branch(code: number, operand: number, ways: Ways): Label {
    const yes = this.#within(ways.yes);
    const no = this.#within(ways.no);
    return this.#push(code, this.#here - yes, this.#here - no, operand);
  }

  /** @throws RangeError where the kernel would not take it */
  encode(): Uint8Array {
    const count = this.#instructions.length;
    if (count > mostInstructions)
      throw new RangeError(`"wanted" expected at most ${mostInstructions} instructions, got ${count}`);
    const bytes = Buffer.alloc(count * instructionLength);
    this.#instructions.toReversed().forEach(([code, yes, no, operand], index) => {
      const at = index * instructionLength;
      bytes.writeUInt16LE(code, at);
      bytes.writeUInt8(yes, at + 2);
      bytes.writeUInt8(no, at + 3);
      bytes.writeUInt32LE(operand >>> 0, at + 4);
    });
    return bytes;
  }

  get #here(): Label {
    return this.#instructions.length;
  }

  /** A label that a condition reaches and that leads to the wanted one. */
  #within(label: Label): Label {
    const near = this.#steppingStones.get(label) ?? label;
    if (this.#here - label <= furthest) return label;
    if (this.#here - near <= furthest) return near;
    const stone = this.#push(jump, 0, 0, this.#here - label);
    this.#steppingStones.set(label, stone);
    return stone;
  }

  #push(code: number, yes: number, no: number, operand: number): Label {
    return this.#instructions.push([code, yes, no, operand]);
  }
}

/**
 * The program, 8 bytes an instruction (struct sock_filter).
 * @throws RangeError where it would be longer than the kernel's 4096 instructions
 */
export function packetFilter(wanted: Wanted): Uint8Array {
  const program = new Program();
  const no = program.put(end, 0);
  const yes = program.put(end, snapLength);
  const tcpStart = tcpTests(program, wanted.tcp, { yes, no });
  const udpStart = program.put(loadHalfAfterHeader, 2, inRanges(program, wanted.udp, { yes, no }));
  const transport = { tcp: tcpStart, udp: udpStart };
  const four = ipv4Tests(program, wanted.destinations.filter(isIPv4Mapped), transport, no);
  const others = wanted.ipv6 ? wanted.destinations.filter(address => !isIPv4Mapped(address)) : [];
  const six = ipv6Tests(program, others, transport, { yes, no });
  let start = program.branch(ifEqual, etherIPv6, { yes: six, no });
  start = program.branch(ifEqual, etherIPv4, { yes: four, no: start });
  start = program.put(loadWord, linkProtocol, start);
  program.put(loadWord, packetKind, program.branch(ifEqual, outgoing, { yes: no, no: start }));
  return program.encode();
}

/** Flags and then the port, for each combination of flags: most packets of a busy server end at the flags. */
function tcpTests(program: Program, wanted: readonly TcpWanted[], { yes, no }: Ways): Label {
  const groups = new Map<number, PortRange[]>();
  for (const { ports, mask, value } of wanted) {
    const key = ((mask & 0xff) << 8) | (value & 0xff);
    groups.set(key, [...(groups.get(key) ?? []), ...ports]);
  }
  let next = no;
  for (const [key, ports] of groups) {
    const found = program.put(loadHalfAfterHeader, 2, inRanges(program, ports, { yes, no: next }));
    const flags = program.branch(ifEqual, key & 0xff, { yes: found, no: next });
    next = program.put(loadByteAfterHeader, 13, program.put(and, key >> 8, flags));
  }
  return next;
}

interface Transport {
  readonly tcp: Label;
  readonly udp: Label;
}

function protocolTests(program: Program, transport: Transport, other: Label): Label {
  const notTcp = program.branch(ifEqual, udp, { yes: transport.udp, no: other });
  return program.branch(ifEqual, tcp, { yes: transport.tcp, no: notTcp });
}

function ipv4Tests(
  program: Program,
  destinations: readonly Uint8Array[],
  transport: Transport,
  no: Label,
): Label {
  let start = program.put(loadByte, 9, protocolTests(program, transport, no));
  start = program.put(loadHeaderLength, 0, start);
  const addresses = destinations.map(address => {
    const number = wordAt(address, 12);
    return { first: number, last: number };
  });
  start = program.put(loadWord, 16, inRanges(program, addresses, { yes: start, no }));
  // RFC 791 section 3.1: only a first fragment (offset 0) has the ports.
  start = program.put(loadHalf, 6, program.branch(ifAnyBit, 0x1fff, { yes: no, no: start }));
  return versionTest(program, 4, { yes: start, no });
}

function ipv6Tests(
  program: Program,
  destinations: readonly Uint8Array[],
  transport: Transport,
  { yes, no }: Ways,
): Label {
  // RFC 8200 section 4.5: nor has a later fragment of IPv6.
  const fragment = program.put(
    loadHalf,
    ipv6Header + 2,
    program.branch(ifAnyBit, 0xfff8, { yes: no, no: yes }),
  );
  let other = program.branch(ifEqual, fragmentHeader, { yes: fragment, no });
  // A chain of them is beyond a program without loops; the decoder follows it.
  for (const extension of otherExtensions) other = program.branch(ifEqual, extension, { yes, no: other });
  let start = program.put(loadByte, 6, protocolTests(program, transport, other));
  start = program.put(setHeaderLength, ipv6Header, start);
  start = isAddress6(program, destinations, 0, { yes: start, no });
  return versionTest(program, 6, { yes: start, no });
}

/** The decoder goes by the version in the header, not by the link's word: they must agree. */
function versionTest(program: Program, version: number, ways: Ways): Label {
  const test = program.put(and, 0xf0, program.branch(ifEqual, version << 4, ways));
  return program.put(loadByte, 0, test);
}

/** Whether the four words of the destination are those of one of the addresses, from `word` on. */
function isAddress6(program: Program, addresses: readonly Uint8Array[], word: number, ways: Ways): Label {
  if (addresses.length === 0) return ways.no;
  if (word === 4) return ways.yes;
  const wordOf = (address: Uint8Array) => wordAt(address, word * 4);
  const values = [...new Set(addresses.map(wordOf))].sort((a, b) => a - b);
  const following = values.map(value => {
    const rest = addresses.filter(address => wordOf(address) === value);
    return isAddress6(program, rest, word + 1, ways);
  });
  const search = (from: number, to: number): Label => {
    if (from === to) return program.branch(ifEqual, values[from]!, { yes: following[from]!, no: ways.no });
    const middle = (from + to + 1) >> 1;
    const above = search(middle, to);
    return program.branch(ifAtLeast, values[middle]!, { yes: above, no: search(from, middle - 1) });
  };
  return program.put(loadWord, 24 + word * 4, search(0, values.length - 1));
}

/** Whether what is loaded lies in one of the ranges, by halving: eleven steps for a thousand ports. */
function inRanges(program: Program, ranges: readonly PortRange[], ways: Ways): Label {
  const edges = edgesOf(ranges);
  const search = (from: number, to: number): Label => {
    if (from === to) return from % 2 === 1 ? ways.yes : ways.no;
    const middle = (from + to + 1) >> 1;
    const above = search(middle, to);
    return program.branch(ifAtLeast, edges[middle - 1]!, { yes: above, no: search(from, middle - 1) });
  };
  return search(0, edges.length);
}

/** Where a number line enters a range and leaves it, in turn; overlapping and touching ranges are one. */
function edgesOf(ranges: readonly PortRange[]): number[] {
  const edges: number[] = [];
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    const leaves = edges.at(-1);
    if (leaves === undefined || first > leaves) edges.push(first, last + 1);
    else edges[edges.length - 1] = Math.max(leaves, last + 1);
  }
  // The highest IPv4 address: nothing lies beyond it.
  if (edges.at(-1) === 2 ** 32) edges.pop();
  return edges;
}

function wordAt(address: Uint8Array, at: number): number {
  return new DataView(address.buffer, address.byteOffset, address.length).getUint32(at);
}

/** A program that lets everything through but what has this word, big-endian, at a place. */
export function compileUnless(at: number, word: number): Uint8Array {
  const program = new Program();
  const no = program.put(end, 0);
  const yes = program.put(end, 0xffffffff);
  program.put(loadWord, at, program.branch(ifEqual, word, { yes: no, no: yes }));
  return program.encode();
}
