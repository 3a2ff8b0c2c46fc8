/**
 * Many knocks, one try each, at a steady pace, and how many of them open the door. Each comes from an address of its own,
 * so they may overlap, and what one has opened is not taken for another's. What of a knock arrives, in which order and
 * when, was decided before (test/methods/network.ts): here it is sent like that.
 *
 * A stranger's flood goes on meanwhile, where there is one. It is sent by this process: it pauses for no knock, as it
 * would where two processes share a processor.
 */
import { CommandPipe } from './commandpipe.js';
import type { KnockPacket } from './contender.js';
import { Flood, type FloodPlan } from './flooder.js';
import { ipv4Number } from './packet.js';
import { KnockSender } from './sender.js';
import { Attempts, beginConnect, pause, socketAddress, waitExactly } from './sockets.js';

/** A packet as it arrives. */
export interface Arrival {
  readonly packet: KnockPacket;
  /** Milliseconds after the knock's first one was sent. */
  readonly at: number;
  /** Which of the knock's packets it is: two copies have one number, and are the same in every bit. */
  readonly number: number;
}

export interface PlannedKnock {
  /** Dotted IPv4. */
  readonly source: string;
  /** In order of arrival. */
  readonly arrivals: readonly Arrival[];
  /** Instead of a knock: the sequence number of the one connection that is tried. */
  readonly number?: number | undefined;
}

export interface SeriesRequest {
  readonly do: 'series';
  /** Dotted IPv4. */
  readonly address: string;
  readonly door: number;
  /** Instead: what the command that is started writes to. */
  readonly pipe?: string;
  readonly knocks: readonly PlannedKnock[];
  /** From one knock to the next. */
  readonly everyMs: number;
  /** From the last packet of a knock on; what opens later has not opened. */
  readonly patienceMs: number;
  /** Begins so long before the first knock, and ends with the last. */
  readonly flood?: FloodPlan & { readonly leadMs: number };
}

export interface SeriesResult {
  /** Of each knock, whether it opened the door. */
  readonly opened: readonly boolean[];
  /** Packets of the flood, and how long it was. */
  readonly sent: number;
  readonly ms: number;
}

/** Between two attempts to connect. */
const attemptEveryMs = 20;
const recentAttempts = 16;
/** Between two looks at what has come of them. */
const lookEveryMs = 5;
/** Between two turns; also by how much the begin of a knock is moved by chance, lest it always follow a batch of the flood. */
const turnMs = 1;

export function runSeries(request: SeriesRequest): SeriesResult {
  waitExactly();
  const flood = request.flood && new Flood(request.address, request.flood);
  const lead = request.flood?.leadMs ?? 0;
  const startOf = (index: number) => lead + index * request.everyMs + Math.random() * turnMs;
  const pipe = request.pipe === undefined ? undefined : new CommandPipe(request.pipe);
  const signOf = ({ source, number }: PlannedKnock) => {
    if (pipe !== undefined) return new Listening(pipe, source);
    return number === undefined ? new Connecting(request, source) : new Numbering(request, source, number);
  };
  const tries = request.knocks.map((knock, index) => new Try(request, knock, startOf(index), signOf(knock)));
  const begun = performance.now();
  try {
    for (
      let pending = tries;
      pending.length > 0;
      pending = pending.filter(({ outcome }) => outcome === 'pending')
    ) {
      const now = performance.now() - begun;
      const quietMs = flood?.sendDue(now) ?? turnMs;
      const later = advance(pending, now);
      pause(Math.min(quietMs, later - (performance.now() - begun)));
    }
    const opened = tries.map(({ outcome }) => outcome === 'opened');
    return { opened, sent: flood?.sent ?? 0, ms: performance.now() - begun };
  } finally {
    flood?.close();
    pipe?.close();
  }
}

/** Goes on with those that have begun. @param tries in the order of their begin @returns when the next one begins */
function advance(tries: readonly Try[], now: number): number {
  for (const each of tries) {
    if (each.startsAt > now) return each.startsAt;
    each.advance(now);
  }
  return Number.POSITIVE_INFINITY;
}

/** By what it is seen that a knock has opened the door. */
interface Sign {
  /** Done often, from the knock's begin to its end. */
  advance(now: number): void;
  isSeen(): boolean;
  drop(): void;
}

/** Attempts to connect. */
class Connecting implements Sign {
  readonly #door: Buffer;
  readonly #from: Buffer;
  readonly #attempts = new Attempts(recentAttempts);
  #next = 0;

  constructor({ address, door }: SeriesRequest, source: string) {
    this.#door = socketAddress(address, door);
    this.#from = socketAddress(source, 0);
  }

  advance(now: number): void {
    if (now < this.#next) return;
    this.#attempts.add(beginConnect(this.#door, this.#from));
    this.#next = now + attemptEveryMs;
  }

  isSeen(): boolean {
    return this.#attempts.connected(0);
  }

  drop(): void {
    this.#attempts.dropAll();
  }
}

/** One connection, with a number. */
class Numbering implements Sign {
  readonly #door: Buffer;
  readonly #from: Buffer;
  readonly #number: number;
  readonly #attempts = new Attempts(1);
  #isBegun = false;

  constructor({ address, door }: SeriesRequest, source: string, number: number) {
    this.#door = socketAddress(address, door);
    this.#from = socketAddress(source, 0);
    this.#number = number;
  }

  advance(): void {
    if (!this.#isBegun) this.#attempts.add(beginConnect(this.#door, this.#from, this.#number));
    this.#isBegun = true;
  }

  isSeen(): boolean {
    return this.#attempts.connected(0);
  }

  drop(): void {
    this.#attempts.dropAll();
  }
}

/** The word of the command. */
class Listening implements Sign {
  readonly #pipe: CommandPipe;
  readonly #source: string;

  constructor(pipe: CommandPipe, source: string) {
    this.#pipe = pipe;
    this.#source = source;
  }

  advance(): void {}

  isSeen(): boolean {
    return this.#pipe.hasTold(this.#source);
  }

  drop(): void {}
}

/** One knock: its packets, each when it is due, and then a look at whether it has opened, until its time is up. */
class Try {
  readonly startsAt: number;
  outcome: 'pending' | 'opened' | 'shut' = 'pending';
  readonly #knock: PlannedKnock;
  readonly #address: string;
  readonly #patienceMs: number;
  readonly #sign: Sign;
  #sender: KnockSender | undefined;
  #sent = 0;
  #nextLook: number;
  #deadline = Number.POSITIVE_INFINITY;

  constructor({ address, patienceMs }: SeriesRequest, knock: PlannedKnock, startsAt: number, sign: Sign) {
    this.startsAt = startsAt;
    this.#knock = knock;
    this.#address = address;
    this.#patienceMs = patienceMs;
    this.#sign = sign;
    this.#nextLook = startsAt;
  }

  advance(now: number): void {
    this.#sendDue(now);
    this.#sign.advance(now);
    if (now < this.#nextLook) return;
    this.#nextLook = now + lookEveryMs;
    if (this.#sign.isSeen()) this.#end('opened');
    else if (now > this.#deadline) this.#end('shut');
  }

  #sendDue(now: number): void {
    const { arrivals } = this.#knock;
    if (this.#deadline !== Number.POSITIVE_INFINITY) return;
    this.#sender ??= this.#write();
    let due = this.#sent;
    while (due < arrivals.length && this.startsAt + arrivals[due]!.at <= now) due++;
    this.#sender?.send(due - this.#sent, this.#sent);
    this.#sent = due;
    if (due < arrivals.length) return;
    this.#sender?.close();
    this.#deadline = now + this.#patienceMs;
  }

  /** Nothing where nothing of it arrives. */
  #write(): KnockSender | undefined {
    const { source, arrivals } = this.#knock;
    if (arrivals.length === 0) return undefined;
    const sender = new KnockSender(arrivals.length, this.#address);
    const places = new Map<number, number>();
    for (const [index, { packet, number }] of arrivals.entries()) {
      const first = places.get(number);
      if (first === undefined) sender.put(index, ipv4Number(source), packet);
      else sender.copy(first, index, packet);
      places.set(number, first ?? index);
    }
    return sender;
  }

  #end(outcome: 'opened' | 'shut'): void {
    this.outcome = outcome;
    this.#sign.drop();
  }
}
