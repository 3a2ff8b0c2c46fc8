/**
 * Command doors: the command when a knock opens one, the closing command when its time is over, whatever happens to us
 * in between (DESIGN.md section 7).
 *
 * States of an opening: none → owed (journal) → run → due → closing command run → none. The single step that a crash
 * can undo is the last one, so a closing command runs at least once.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { formatAddress } from '../net/address.js';
import { errorCode } from '../system/error.js';
import { readyCommand, type Values } from './command.js';
import type { CommandDoor } from './config.js';
import { readBoot } from './floor.js';
import { type Debt, debtKey, type Journal } from './journal.js';
import { type Log, messageOf } from './log.js';
import type { Errand, Runner } from './runner.js';

/** Between two tries of a closing command that failed: doubled each time, up to the last. */
const firstRetryMs = 5000;
const lastRetryMs = 600_000;
/** A command that has taken longer has kept its door from being open for the whole of its time. */
const slowMs = 1000;
/** Closing commands at once where everything is closed: fewer than are run at all, for one that is refused stays owed. */
const mostClosing = 32;
/** At the end: for commands that still run, and for everything. Service managers wait for a minute and a half. */
const patience = { startedMs: 10_000, allMs: 75_000 };
/** setTimeout's longest. */
const farthestMs = 2 ** 31 - 1;

export class Errands {
  readonly #journal: Journal;
  readonly #runner: Runner;
  readonly #log: Log;
  readonly #boot = readBoot().toString('hex');
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Openings whose command is running, or waits for the closing command before it. */
  readonly #starting = new Map<string, Promise<void>>();
  /** Openings whose command did not do what it should: a knock tries it again. */
  readonly #failed = new Set<string>();
  /** Openings whose closing command is running now. */
  readonly #closing = new Map<string, Promise<void>>();

  constructor(journal: Journal, runner: Runner, log: Log) {
    this.#journal = journal;
    this.#runner = runner;
    this.#log = log;
  }

  /**
   * Takes up what an earlier run left owed. What was opened before this machine came up is closed at once: nobody knows
   * what of it is left, and a knock must run the command again instead of extending what is no more.
   */
  start(): void {
    for (const debt of this.#journal.owed) {
      const isOfThisBoot = debt.boot === undefined || debt.boot === this.#boot;
      this.#schedule(debt, isOfThisBoot ? debt.dueAt - Date.now() : 0);
    }
  }

  /** What is open or owed now. */
  get owed(): readonly Debt[] {
    return this.#journal.owed;
  }

  /**
   * Opens a command door. The command goes on by itself; the log tells how it ended.
   * @returns what was done: a door that is open is kept open for longer and its command not run again
   * @throws where the journal cannot hold what would be owed: then nothing was run
   */
  open(door: CommandDoor, source: Uint8Array, client: string): 'ran' | 'extended' {
    const values = { source: formatAddress(source), client, door: door.name };
    const { runAs, timeLimitMs, openForMs } = door;
    const { run, closeRun } = this.#ready(door, source, values);
    if (run === undefined) return 'ran';
    const errand = { ...values, ...run, runAs, timeLimitMs };
    if (closeRun === undefined) {
      this.#start(errand);
      return 'ran';
    }
    const key = debtKey(values);
    const before = this.#journal.find(key);
    const dueAt = Date.now() + openForMs;
    if (before !== undefined && !this.#closing.has(key) && !this.#failed.has(key)) {
      // What has been run is closed by what belongs to it, whatever a reload has made of the door.
      this.#owe({ ...before, client, dueAt }, openForMs);
      return 'extended';
    }
    this.#owe({ ...values, ...closeRun, runAs, timeLimitMs, dueAt, boot: this.#boot }, openForMs);
    this.#start(errand, openForMs);
    return 'ran';
  }

  /** Nothing is run where one of the two is too long to be run; the log says so. */
  #ready(door: CommandDoor, source: Uint8Array, values: Values) {
    try {
      const run = readyCommand(door.run, source, values, 'start');
      return { run, closeRun: run && readyCommand(door.closeRun, source, values, 'stop') };
    } catch (error) {
      if (errorCode(error) !== 'long-command') throw error;
      this.#log.error({ event: 'command', phase: 'too-long', ...values }, messageOf(error));
      return { run: undefined, closeRun: undefined };
    }
  }

  /** Closes an open command door before its time. @returns whether it was open */
  async close(door: string, source: Uint8Array): Promise<boolean> {
    const key = debtKey({ door, source: formatAddress(source) });
    if (this.#journal.find(key) === undefined) return false;
    await this.#closeNow(key, () => true);
    return true;
  }

  /** Closes what the clients who opened it may no longer use. */
  closeForbidden(isAllowed: (client: string, door: string) => boolean): void {
    const isForbidden = ({ client, door }: Debt) => !isAllowed(client, door);
    const forbidden = this.#journal.owed.filter(isForbidden);
    for (const debt of forbidden) void this.#closeNow(debtKey(debt), isForbidden);
  }

  /**
   * Runs every closing command that is owed: nobody will be there when its time comes. What hangs is left behind, and
   * stays owed.
   */
  async closeAll({ startedMs, allMs } = patience): Promise<void> {
    const keys = this.#journal.owed.map(debtKey).values();
    const inTurn = async () => {
      for (const key of keys) await this.#closeNow(key, () => true, startedMs);
    };
    const all = Promise.all(Array.from({ length: mostClosing }, inTurn));
    await Promise.race([all, pause(allMs, undefined, { ref: false })]);
    for (const timer of this.#timers.values()) clearTimeout(timer);
    const left = this.#journal.owed.length;
    const text = `${left} doors may still be open: their closing commands have not ended, and run at the next start`;
    if (left > 0) this.#log.error({ event: 'owed' }, text);
  }

  #owe(debt: Debt, forMs: number): void {
    this.#journal.owe(debt);
    this.#schedule(debt, forMs);
  }

  /**
   * Runs an opening command in its turn.
   * @param openForMs counted from its end, where something is owed for it
   */
  #start(errand: Errand, openForMs?: number): void {
    const key = debtKey(errand);
    this.#failed.delete(key);
    const starting = this.#afterClosing(key).then(async () => {
      const debt = this.#journal.find(key);
      const startedAt = Date.now();
      const done = await this.#runner.run(errand);
      const tookMs = Date.now() - startedAt;
      if (openForMs === undefined || debt === undefined) return;
      if (!done) this.#failed.add(key);
      if (tookMs < slowMs) return;
      if (this.#journal.find(key) === debt) this.#prolong(debt, openForMs);
    });
    this.#starting.set(key, starting);
    void starting.then(() => this.#starting.get(key) === starting && this.#starting.delete(key));
  }

  #prolong(debt: Debt, openForMs: number): void {
    try {
      this.#owe({ ...debt, dueAt: Date.now() + openForMs }, openForMs);
    } catch {
      // A full disk: it is closed at the time that was noted first.
    }
  }

  async #afterClosing(key: string): Promise<void> {
    await this.#closing.get(key);
  }

  #schedule(debt: Debt, delayMs: number, tries = 0): void {
    const key = debtKey(debt);
    clearTimeout(this.#timers.get(key));
    const restMs = delayMs - farthestMs;
    const go = () => (restMs > 0 ? this.#schedule(debt, restMs, tries) : void this.#settle(debt, tries));
    this.#timers.set(key, setTimeout(go, Math.max(0, Math.min(farthestMs, delayMs))));
  }

  async #settle(debt: Debt, tries: number): Promise<void> {
    const key = debtKey(debt);
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    await this.#untilIdle(key);
    // Somebody else has closed it meanwhile, or a knock has opened it again.
    if (this.#journal.find(key) === debt) await this.#closeInTurn(debt, tries);
  }

  /**
   * Closes before its time, also what was prolonged while its command ran.
   * @param patienceMs how long that command is waited for; undefined: as long as it takes
   */
  async #closeNow(key: string, isWanted: (debt: Debt) => boolean, patienceMs?: number): Promise<void> {
    const late = patienceMs === undefined ? [] : [pause(patienceMs, undefined, { ref: false })];
    await Promise.race([this.#untilIdle(key), ...late]);
    const debt = this.#journal.find(key);
    if (debt === undefined || !isWanted(debt)) return;
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    await this.#closeInTurn(debt, 0);
  }

  async #untilIdle(key: string): Promise<void> {
    while (this.#starting.has(key) || this.#closing.has(key)) {
      await this.#starting.get(key);
      await this.#afterClosing(key);
    }
  }

  async #closeInTurn(debt: Debt, tries: number): Promise<void> {
    const key = debtKey(debt);
    const closing = this.#runClosing(debt, tries);
    this.#closing.set(key, closing);
    await closing;
    this.#closing.delete(key);
  }

  async #runClosing(debt: Debt, tries: number): Promise<void> {
    const key = debtKey(debt);
    const { door, client, source } = debt;
    const event = { event: 'closed', door, client, source };
    this.#log.debug({ ...event, event: 'closing' }, `closes ${door} for ${client} from ${source}`);
    const done = await this.#runner.run({ ...debt, runAs: debt.runAs, timeLimitMs: debt.timeLimitMs });
    // A knock may have opened it again meanwhile: then there is a new debt, with a timer of its own.
    if (this.#journal.find(key) !== debt) return;
    if (done) {
      this.#log.info(event, `closed ${door} for ${client} from ${source}`);
      this.#strike(key);
      return;
    }
    const wait = Math.min(lastRetryMs, firstRetryMs * 2 ** tries);
    this.#log.error(
      event,
      `door ${door} may still be open for ${source}: its close_run failed; next try in ${wait / 1000} s`,
    );
    this.#schedule(debt, wait, tries + 1);
  }

  #strike(key: string): void {
    this.#failed.delete(key);
    try {
      this.#journal.pay(key);
    } catch (error) {
      this.#log.error(
        { event: 'journal' },
        `the journal cannot be written (${messageOf(error)}); close_run may run again`,
      );
    }
  }
}
