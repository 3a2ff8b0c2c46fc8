/**
 * Keeps the sequence numbers of all clients in the kernel: those of the periods that are good now, and of the next one a
 * little before it begins. Taking a number away when it lets a connection in is the kernel's (daemon/table.ts).
 *
 * What daemon/given.ts has not made durable first is not given. What a crash leaves behind: numbers that nobody has used
 * yet, which the kernel ends on time.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { noNumber, type Steps } from '../methods/sequence-number/format.js';
import { NumberSet, type PortNumber } from '../net/numberset.js';
import { roughly } from '../system/duration.js';
import { type Clock, systemClock } from './clock.js';
import type { Config, SequenceNumberSettings } from './config.js';
import { Given } from './given.js';
import { type Log, messageOf } from './log.js';
import { latestGiven, leadOf, spanOf, stepsHeld } from './numberrange.js';
import { type Source, sourcesOf } from './numbersource.js';
import { keyOf, type Numbered, type NumberStore, NumberTable, numberOf } from './numbertable.js';
import { Quota } from './quota.js';
import { numberSet, tableName } from './table.js';

/** Between two looks at the clock, which somebody may set. */
const lookMs = 1000;
/** By so much it has been set, and not merely been slewed. */
const setMs = 500;
/** Numbers derived before others have their turn: some 3 ms. */
const perTurn = 100;
const mostStepsAhead = 100_000;

interface Decision {
  readonly fresh: readonly Numbered[];
  /** One whose numbers of now have all been given before, and are not there. */
  readonly blocked: Source | undefined;
}

export class Numbers {
  readonly #directory: string;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #openStore: () => NumberStore;
  readonly #complaints = new Quota(3, 60_000);
  #table: NumberTable | undefined;
  #given: Given | undefined;
  #settings: SequenceNumberSettings | undefined;
  #sources: ReadonlyMap<string, Source> = new Map();
  /** Those that have been written down. */
  #kept: ReadonlyMap<string, Source> | undefined;
  /** What the kernel held when we came, until that is dealt with. */
  #found: ReadonlyMap<number, number> | undefined;
  /** The step that was told to be the next one with numbers. */
  #toldOf: number | undefined;
  /** The steps that have been dealt with for every source. */
  #settled: Steps | undefined;
  /** The wall clock less the steady one. */
  #offset = 0;
  #changing: Promise<void> = Promise.resolve();
  #cancel: (() => void) | undefined;

  /** @param directory of the state */
  constructor(
    directory: string,
    log: Log,
    openStore: () => NumberStore = () => new NumberSet(tableName, numberSet),
    clock: Clock = systemClock,
  ) {
    this.#directory = directory;
    this.#log = log;
    this.#openStore = openStore;
    this.#clock = clock;
  }

  /** Takes hold of what a configuration needs and can fail. @throws OperatorError */
  prepare({ sequenceNumber }: Config): void {
    if (sequenceNumber === undefined || this.#table !== undefined) return;
    this.#given = new Given(this.#directory, latestGiven(this.#clock.wall(), sequenceNumber));
    this.#table = new NumberTable(this.#openStore(), this.#clock);
  }

  /**
   * Puts in what a configuration's clients need, and takes out what is nobody's any more. Its table is in the kernel.
   * @param isKept whether the numbers of a table before it are still there
   */
  load(config: Config, isKept: boolean): Promise<void> {
    return this.#inTurn(async () => {
      this.prepare(config);
      if (this.#table === undefined) return;
      this.#table.isPaused = false;
      const before = this.#settings?.toleranceMs;
      const hasOtherEnds = before !== undefined && before !== config.sequenceNumber?.toleranceMs;
      if (!isKept || hasOtherEnds) this.#table.isOwed = true;
      if (this.#settings === undefined && config.sequenceNumber !== undefined)
        this.#takeOver(this.#table, config.sequenceNumber);
      this.#settings = config.sequenceNumber;
      this.#adoptSources(config, this.#table);
      await this.#settle();
      await this.#attempt('cannot write down who has sequence numbers', () => this.#keepSources());
    });
  }

  /** The table is taken away; until it is loaded again there is nothing to do. */
  pause(): void {
    this.#cancel?.();
    if (this.#table === undefined) return;
    this.#table.isPaused = true;
    this.#table.isOwed = true;
  }

  /** A number has let a connection in. @param ports where that may have been @returns where it was, if we know */
  markUsed(number: number, ports: readonly number[]): number | undefined {
    return ports.find(port => this.#markUsedAt({ port, number }));
  }

  #markUsedAt(number: PortNumber): boolean {
    try {
      return this.#table?.markUsed(number) === true;
    } catch (error) {
      this.#complain('cannot take a used sequence number away', error);
      return true;
    }
  }

  stop(): void {
    this.pause();
    this.#table?.close();
  }

  #inTurn(action: () => Promise<void>): Promise<void> {
    const done = this.#changing.then(action);
    this.#changing = done.catch(() => {});
    return done;
  }

  /** What an earlier run has left in the kernel. */
  #takeOver(table: NumberTable, settings: SequenceNumberSettings): void {
    this.#offset = this.#clock.wall() - this.#clock.steady();
    try {
      this.#found = table.read();
      table.isOwed = false;
      // Somebody has emptied the state directory: what is missing in the kernel may have been used.
      if (this.#found.size > 0 && this.#given!.isBlank)
        this.#given!.distrust(latestGiven(this.#clock.wall(), settings));
    } catch (error) {
      this.#found = new Map();
      this.#complain('cannot read the sequence numbers that are in the kernel', error);
    }
  }

  #adoptSources(config: Config, table: NumberTable): void {
    const next = sourcesOf(config, this.#sources);
    this.#sources = next;
    this.#settled = undefined;
    try {
      table.keepOnly(next);
      if (config.sequenceNumber !== undefined) table.removeEnded(config.sequenceNumber);
    } catch (error) {
      this.#complain('cannot take sequence numbers away', error);
    }
  }

  /** Everything that is due: numbers of new periods and of new clients, and what is missing. */
  async #settle(): Promise<void> {
    const settings = this.#settings;
    const table = this.#table;
    if (settings === undefined || table === undefined || table.isPaused) return;
    this.#noticeClock(table);
    await this.#attempt('no new sequence numbers are good', () => this.#fill(settings, table));
    // What was given before needs nothing written down.
    if (table.isOwed)
      await this.#attempt('sequence numbers cannot be put back', () => table.refill(settings));
    if (!table.isPaused) this.#wakeUp(settings);
  }

  async #attempt(what: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#complain(what, error);
    }
  }

  /** It is tried again every second. */
  #complain(what: string, error: unknown): void {
    if (this.#complaints.take(this.#clock.steady())) {
      this.#log.error({ event: 'numbers' }, `${what}: ${messageOf(error)}`);
    }
  }

  /** Numbers end by the kernel's clock, which nobody sets: where ours was set they are to end at other times. */
  #noticeClock(table: NumberTable): void {
    const offset = this.#clock.wall() - this.#clock.steady();
    if (Math.abs(offset - this.#offset) < setMs) return;
    this.#offset = offset;
    if (!table.isEmpty) table.isOwed = true;
  }

  #wakeUp(settings: SequenceNumberSettings): void {
    this.#cancel?.();
    const next = (stepsHeld(this.#clock.wall(), settings).last + 1) * settings.periodMs;
    const due = next - settings.toleranceMs - leadOf(settings) - this.#clock.wall();
    const waitMs = Math.min(lookMs, Math.max(1, due));
    this.#cancel = this.#clock.after(waitMs, () => void this.#inTurn(() => this.#settle()));
  }

  async #fill(settings: SequenceNumberSettings, table: NumberTable): Promise<void> {
    const range = stepsHeld(this.#clock.wall(), settings);
    if (range.first === this.#settled?.first && range.last === this.#settled.last) return;
    const { fresh, blocked } = await this.#decide(settings, table, range);
    try {
      if (fresh.length > 0) {
        await this.#given!.extend(spanOf(fresh, settings));
        await this.#keepSources();
      }
    } catch (error) {
      for (const { source, step } of fresh) this.#sources.get(source)?.settled.delete(step);
      throw error;
    }
    this.#settled = range;
    // Where the set was there, what is missing in it has been used.
    const isTold = blocked !== undefined && (this.#found?.size ?? 0) === 0;
    this.#endTakeOver(table);
    if (isTold) this.#tellBlocked(blocked, settings, range.last);
    table.forget();
    await table.add(fresh, settings);
  }

  /** Which numbers are to be put in. */
  async #decide(settings: SequenceNumberSettings, table: NumberTable, range: Steps): Promise<Decision> {
    const fresh: Numbered[] = [];
    let blocked: Source | undefined;
    let derived = 0;
    for (const source of this.#sources.values()) {
      const { settled } = source;
      const isNew = !settled.has(range.last);
      for (const step of settled) if (step < range.first || step > range.last) settled.delete(step);
      for (let step = range.first; step <= range.last; step++) {
        if (settled.has(step)) continue;
        const number = this.#choose(source, step, settings, table);
        if (number !== undefined) fresh.push(number);
        if (++derived % perTurn === 0) await turn();
      }
      if (isNew && this.#isBlocked(source, range, settings, table)) blocked ??= source;
    }
    return { fresh, blocked };
  }

  /** A number that is to be put in; undefined where it is there, or may have been used. */
  #choose(
    source: Source,
    step: number,
    settings: SequenceNumberSettings,
    table: NumberTable,
  ): Numbered | undefined {
    const wasGiven = this.#wasGiven(source, step, settings);
    source.settled.add(step);
    if (!wasGiven || this.#found !== undefined) {
      const number = { source: source.name, port: source.port, step, number: source.numberAt(step) };
      const until = this.#found?.get(keyOf(number));
      if (until === undefined && !wasGiven && number.number !== noNumber) return number;
      if (until !== undefined) table.takeOver(number, until, settings);
    }
    return undefined;
  }

  #isBlocked(
    source: Source,
    { first, last }: Steps,
    settings: SequenceNumberSettings,
    table: NumberTable,
  ): boolean {
    return [first, last].every(step => {
      if (!this.#wasGiven(source, step, settings)) return false;
      return !table.has(keyOf({ port: source.port, number: source.numberAt(step) }));
    });
  }

  #wasGiven({ name }: Source, step: number, settings: SequenceNumberSettings): boolean {
    return this.#given!.includes(name, spanOf([{ step }], settings));
  }

  /** What is in the kernel and belongs to nobody: of clients that are gone, and of periods that are over. */
  #endTakeOver(table: NumberTable): void {
    const found = this.#found;
    this.#found = undefined;
    if (found !== undefined) table.remove([...found.keys()].filter(key => !table.has(key)).map(numberOf));
  }

  /** @param last the last step that there are numbers of now */
  #tellBlocked(blocked: Source, settings: SequenceNumberSettings, last: number): void {
    let next = last + 1;
    while (next < last + mostStepsAhead && this.#wasGiven(blocked, next, settings)) next++;
    if (next === this.#toldOf) return;
    this.#toldOf = next;
    const waitMs = Math.max(0, next * settings.periodMs - settings.toleranceMs - this.#clock.wall());
    const text = `sequence numbers that were given before are not good again; the next ones are in ${roughly(waitMs)}`;
    this.#log.warn({ event: 'numbers', waitMs }, text);
  }

  async #keepSources(): Promise<void> {
    if (this.#kept === this.#sources) return;
    const sources = this.#sources;
    const failure = await this.#given!.setSources(new Set(this.#sources.keys()), this.#clock.wall());
    if (failure === undefined) this.#kept = sources;
    else this.#complain('cannot write down who has sequence numbers', failure);
  }
}
