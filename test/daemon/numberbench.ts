/** For tests of sequence numbers: a kernel's set and a clock that tests move, and a configuration with clients in it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../src/daemon/clock.js';
import type { Config } from '../../src/daemon/config.js';
import { Numbers } from '../../src/daemon/numbers.js';
import type { NumberStore } from '../../src/daemon/numbertable.js';
import { NumberSeries } from '../../src/methods/sequence-number/format.js';
import { SystemError } from '../../src/net/libc.js';
import type { PortNumber, TimedNumber } from '../../src/net/numberset.js';
import { temporaryFolder } from './folder.js';
import { Logbook } from './logbook.js';

const noEntry = 2;
const tooMany = 23;

/** As the kernel: ends elements by the steady clock; what is added again keeps its end. */
export class FakeSet implements NumberStore {
  readonly elements = new Map<string, number>();
  /** Every element that was put in, in order. */
  readonly given: string[] = [];
  readonly #clock: FakeClock;
  isThere = true;
  isFull = false;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  add(numbers: readonly TimedNumber[]): void {
    this.#check();
    if (this.isFull) throw new SystemError('nf_tables', tooMany);
    for (const number of numbers) {
      const key = nameOf(number);
      this.given.push(key);
      if (!this.has(number)) this.elements.set(key, this.#clock.steady() + number.timeoutMs);
    }
  }

  put(numbers: readonly TimedNumber[]): void {
    this.#check();
    for (const number of numbers) this.elements.delete(nameOf(number));
    this.add(numbers);
  }

  remove(numbers: readonly PortNumber[]): void {
    this.#check();
    for (const number of numbers) this.elements.delete(nameOf(number));
  }

  list(): TimedNumber[] {
    this.#check();
    return [...this.elements]
      .map(([key, until]) => {
        const [port = 0, number = 0] = key.split(' ').map(Number);
        return { port, number, timeoutMs: until - this.#clock.steady() };
      })
      .filter(number => this.has(number));
  }

  close(): void {}

  has(number: PortNumber): boolean {
    return (this.elements.get(nameOf(number)) ?? 0) > this.#clock.steady();
  }

  /** A connection with this number, as the rules treat it. @returns whether it is let in */
  admit(number: PortNumber): boolean {
    const isIn = this.has(number);
    this.elements.delete(nameOf(number));
    return isIn;
  }

  #check(): void {
    if (!this.isThere) throw new SystemError('nf_tables', noEntry);
  }
}

function nameOf({ port, number }: PortNumber): string {
  return `${port} ${number}`;
}

export class FakeClock implements Clock {
  #wall: number;
  #steady = 5000;
  #timer: { readonly at: number; readonly action: () => void } | undefined;

  constructor(wall: number) {
    this.#wall = wall;
  }

  wall(): number {
    return this.#wall;
  }

  steady(): number {
    return this.#steady;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { at: this.#steady + ms, action };
    this.#timer = timer;
    return () => {
      if (this.#timer === timer) this.#timer = undefined;
    };
  }

  /** Lets time pass, step by step, with everything that is due. @param each is called after every step */
  async pass(ms: number, each: () => void = () => {}, stepMs = 250): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.#wall += Math.min(stepMs, left);
      this.#steady += Math.min(stepMs, left);
      await this.runDue();
      each();
    }
  }

  async runDue(): Promise<void> {
    const timer = this.#timer;
    if (timer === undefined || timer.at > this.#steady) return;
    this.#timer = undefined;
    timer.action();
    // What is written to the disk takes the time that it takes.
    const end = performance.now() + 5000;
    while (this.#timer === undefined && performance.now() < end) await turn();
  }

  /** Somebody sets it. */
  set(byMs: number): void {
    this.#wall += byMs;
  }
}

export const start = Date.UTC(2026, 10, 21, 12, 0, 7);
export const periods = { periodMs: 30_000, toleranceMs: 30_000 };

export interface ClientOf {
  readonly psk?: string;
  readonly revoked?: boolean;
  readonly ports?: readonly number[];
}

/** A configuration whose clients may use a door of their own. */
export function configOf(
  stateDirectory: string,
  clients: Readonly<Record<string, ClientOf>>,
  settings: Partial<Config['sequenceNumber'] & object> = {},
): Config {
  const entries = Object.entries(clients);
  return {
    file: '/p.toml',
    stateDirectory,
    user: 'root',
    capture: { from: 'nflog', group: 5 },
    group: 5,
    portSequence: undefined,
    sequenceNumber: { ...periods, port: undefined, guessesPerSecond: 10, ...settings },
    datagram: undefined,
    challenge: undefined,
    firewall: { backend: 'nftables', rules: [] },
    alwaysAllow: [],
    doors: entries.map(([name, { ports = [22] }]) => ({
      kind: 'services',
      name,
      command: undefined,
      openForMs: 30_000,
      sequence: undefined,
      services: ports.map(port => ({ protocol: 6, port })),
      singleUse: false,
      sequenceNumber: true,
      datagram: false,
    })),
    clients: entries.map(([name, { psk = name, revoked = false }]) => ({
      kind: 'psk',
      name,
      doors: [name],
      revoked,
      psk: Buffer.from(psk),
    })),
    tellsStages: false,
    tellsPackets: false,
    warnings: [],
  };
}

export class Bench {
  readonly clock = new FakeClock(start);
  readonly set = new FakeSet(this.clock);
  readonly folder: string;
  readonly book = new Logbook();
  readonly #scope: TestContext;
  numbers!: Numbers;

  constructor(scope: TestContext) {
    this.#scope = scope;
    this.folder = join(temporaryFolder(scope), 'state');
    mkdirSync(this.folder);
    this.restart();
  }

  /** As after a crash: nothing of the memory is left. */
  restart(): void {
    this.numbers?.stop();
    const numbers = new Numbers(this.folder, this.book.log, () => this.set, this.clock);
    this.#scope.after(() => numbers.stop());
    this.numbers = numbers;
  }

  /** The machine goes down and comes up: the kernel has forgotten all. */
  reboot(): void {
    this.set.elements.clear();
    this.restart();
  }

  load(clients: Readonly<Record<string, ClientOf>>, settings = {}, isKept = true): Promise<void> {
    return this.numbers.load(configOf(this.folder, clients, settings), isKept);
  }
}

/** What a client takes, whose clock is off by this much. */
export function numberAt(psk: string, timeMs: number, port = 22, periodMs = periods.periodMs): PortNumber {
  return { port, number: new NumberSeries(Buffer.from(psk), port).at(Math.floor(timeMs / periodMs)) };
}

export const desk = { desk: {} };
export const two = { desk: {}, phone: {} };

/** One with these clients' numbers in it. */
export async function loaded(
  t: TestContext,
  clients: Readonly<Record<string, ClientOf>> = desk,
  settings = {},
) {
  const bench = new Bench(t);
  await bench.load(clients, settings);
  return bench;
}

/** Which of the numbers of clocks off by these spans are good now. */
export const good = ({ set, clock }: Bench, psk: string, offsetsMs: readonly number[]) =>
  offsetsMs.map(offsetMs => set.has(numberAt(psk, clock.wall() + offsetMs)));
