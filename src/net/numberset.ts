/**
 * A set of {TCP port, sequence number} in nftables, changed and read in bulk over netlink: some 30,000 elements at once.
 *
 * Which numbers are in it, and for how long, is daemon/numbers.ts's.
 */
import {
  Batches,
  dataValue,
  deleteElement,
  elementExpiration,
  elementKey,
  elementTimeout,
  listElement,
  listElements,
  newElement,
} from './batch.js';
import { attribute, be64, eachAttribute, nest, netfilterHeaderLength, netlinkCreate } from './netlink.js';

/** A sequence number on the port where it lets a connection in. */
export interface PortNumber {
  readonly port: number;
  /** 1 to 2^32 − 1. */
  readonly number: number;
}

export interface TimedNumber extends PortNumber {
  /** How long from now. */
  readonly timeoutMs: number;
}

/** The length of an attribute has 16 bits: a thousand of 32 bytes fit well. */
const perMessage = 1000;
const dump = 0x300;
/** The set changed while it was read, so that elements may be missing from what was. */
const interrupted = 0x10;
const mostReadings = 5;

/** Each call takes at most 2000 numbers: a batch has to fit in the socket's buffer. */
export class NumberSet {
  readonly #batches: Batches;
  readonly #set: string;

  /** @param table a table of family inet @throws SystemError */
  constructor(table: string, set: string) {
    this.#batches = new Batches(table, true);
    this.#set = set;
  }

  /**
   * Puts numbers in, all of them or none. Those that are there stay until the later of the two ends on kernels from 6.12,
   * and until the earlier one before.
   * @throws SystemError, ENOENT where the table or the set is not there
   */
  add(numbers: readonly TimedNumber[]): void {
    if (numbers.length > 0) this.#batches.apply(this.#adding(numbers));
  }

  /** Puts numbers in with these timeouts, whether they are there or not; there is no moment without them. */
  put(numbers: readonly TimedNumber[]): void {
    if (numbers.length === 0) return;
    const removing = this.#removing(numbers);
    this.#batches.apply([...removing, ...this.#adding(numbers)]);
  }

  /** Takes numbers out, those that are there. @throws SystemError */
  remove(numbers: readonly PortNumber[]): void {
    if (numbers.length > 0) this.#batches.apply(this.#removing(numbers));
  }

  /** Every number that is there, and for how long. @throws SystemError */
  list(): TimedNumber[] {
    for (let readings = 1; ; readings++) {
      const found: TimedNumber[] = [];
      let isWhole = true;
      this.#batches.ask(this.#set, dump, (bytes, start, end) => {
        if ((bytes.readUInt16LE(start + 6) & interrupted) !== 0) isWhole = false;
        readNumbers(bytes, start + netfilterHeaderLength, end, found);
      });
      if (isWhole || readings === mostReadings) return found;
    }
  }

  close(): void {
    this.#batches.close();
  }

  #adding(numbers: readonly TimedNumber[]): Buffer[] {
    return chunks(numbers).map(chunk =>
      this.#batches.change(newElement, netlinkCreate, this.#set, ...chunk.map(timed)),
    );
  }

  /** To take out what is not there fails; so it is put in first, in the same batch. */
  #removing(numbers: readonly PortNumber[]): Buffer[] {
    return chunks(numbers).flatMap(chunk => {
      const keys = chunk.map(number => nest(listElement, key(number)));
      return [
        this.#batches.change(newElement, netlinkCreate, this.#set, ...keys),
        this.#batches.change(deleteElement, 0, this.#set, ...keys),
      ];
    });
  }
}

function chunks<T>(numbers: readonly T[]): T[][] {
  const count = Math.ceil(numbers.length / perMessage);
  return Array.from({ length: count }, (_, index) =>
    numbers.slice(index * perMessage, (index + 1) * perMessage),
  );
}

function timed(number: TimedNumber): Buffer {
  return nest(listElement, key(number), be64(elementTimeout, number.timeoutMs));
}

/** The port, padded to four bytes, and the number. */
function key({ port, number }: PortNumber): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16BE(port, 0);
  bytes.writeUInt32BE(number, 4);
  return nest(elementKey, attribute(dataValue, bytes));
}

function readNumbers(bytes: Buffer, start: number, end: number, found: TimedNumber[]): void {
  eachAttribute(bytes, start, end, (list, from, to) => {
    if (list !== listElements) return;
    eachAttribute(bytes, from, to, (_, from, to) => found.push(readNumber(bytes, from, to)));
  });
}

function readNumber(bytes: Buffer, start: number, end: number): TimedNumber {
  let port = 0;
  let number = 0;
  let timeoutMs = 0;
  eachAttribute(bytes, start, end, (part, from, to) => {
    if (part === elementExpiration) timeoutMs = Number(bytes.readBigUInt64BE(from));
    if (part !== elementKey) return;
    eachAttribute(bytes, from, to, (_, from) => {
      port = bytes.readUInt16BE(from);
      number = bytes.readUInt32BE(from + 4);
    });
  });
  return { port, number, timeoutMs };
}
