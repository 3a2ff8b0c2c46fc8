/**
 * The monitor: keeps the table, opens doors that the listener asks for and the configuration allows, runs door commands.
 *
 * It has the privileges and reads no packet. What can ask it for something: frames of the listener (daemon/frames.ts),
 * and the control socket of its own user.
 */
import type { Server } from 'node:net';
import { reasons } from '../methods/knock.js';
import { formatAddress, isUnicast, parseAddress } from '../net/address.js';
import { describe, OperatorError, OperatorErrors } from '../system/error.js';
import { type CaptureSource, openCapture, sameCapture } from './capture.js';
import { type Config, type Door, Permissions } from './config.js';
import { type ControlRequest, controlPath, serveControl } from './control.js';
import { Errands } from './errands.js';
import type { Frame } from './frames.js';
import { byHand, Guard } from './guard.js';
import { History } from './history.js';
import { type Log, messageOf } from './log.js';
import { notify, reloadingState, watchdogMs } from './notify.js';
import { Runner } from './runner.js';
import { readConfig } from './settings.js';
import { openState, type State } from './state.js';
import { type Status, statusOf } from './status.js';
import { listenerFailed, Subprocess } from './subprocess.js';
import { damagedLedger, describeAction, explain, summary } from './wording.js';

/** What to change in a configuration as it is read, here and at every reload: the command line's part. */
export type Adjust = (config: Config) => Config;

export class Monitor {
  readonly #log: Log;
  readonly #adjust: Adjust;
  readonly #history = new History();
  readonly #startedAt = Date.now();
  #config: Config;
  #permissions: Permissions;
  readonly #state: State;
  readonly #guard: Guard | undefined;
  readonly #errands: Errands;
  readonly #capture: CaptureSource;
  #listener!: Subprocess;
  /** Settles when every knock heard so far has been dealt with. */
  #opening: Promise<void> = Promise.resolve();
  #control: Server | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #stopping = false;
  readonly #ended: Promise<number>;
  #finish!: (status: number) => void;

  /** Takes hold of everything that can fail before anything changes. @throws OperatorError */
  constructor(config: Config, adjust: Adjust, log: Log) {
    this.#config = config;
    this.#permissions = new Permissions(config);
    this.#adjust = adjust;
    this.#log = log;
    this.#ended = new Promise(resolve => {
      this.#finish = resolve;
    });
    this.#state = openState(config.stateDirectory);
    this.#errands = new Errands(this.#state.journal, new Runner(log), log);
    this.#guard = needsTable(config) ? new Guard(config, log) : undefined;
    this.#capture = openCapture(config);
  }

  /** Runs until stopped or until a part fails. @returns the exit status @throws OperatorError where it cannot start */
  async run(): Promise<number> {
    for (const warning of this.#config.warnings) this.#log.warn({ event: 'configuration' }, warning);
    await this.#guard?.start();
    this.#guard?.closeForbidden((client, door) => this.#isStillAllowed(client, door));
    await this.#startListener();
    this.#control = await serveControl(controlPath(this.#config.stateDirectory), request =>
      this.#answer(request),
    );
    this.#errands.start();
    this.#watchSignals();
    this.#startWatchdog();
    notify('READY=1');
    this.#log.info({ event: 'ready' }, `ready: ${summary(this.#config)}`);
    return this.#ended;
  }

  #startListener(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener = new Subprocess(this.#config, this.#capture, this.#state.ledger, {
        frame: frame => {
          if (frame.kind !== 'ready') return this.#take(frame);
          if (frame.value > 0) this.#log.error({ event: 'ledger' }, damagedLedger(frame.value));
          resolve();
        },
        ended: how => {
          reject(listenerFailed(how, this.#config.user));
          this.#listenerEnded(how);
        },
      });
      this.#listener.configure(this.#config);
    });
  }

  #listenerEnded(how: string): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#log.error(
      { event: 'listener' },
      `the listener ${how}; what is guarded stays shut, and this process ends too`,
    );
    this.#listener.kill();
    this.#end(1);
  }

  #take(frame: Frame): void {
    if (frame.kind === 'open') this.#opening = bothSettle(this.#opening, this.#open(frame));
    else if (frame.kind === 'refused') this.#noteRefusal(frame);
    else if (frame.kind === 'gather') this.#capture.setGathered(frame.value);
    else if (frame.kind === 'ended') void this.#opening.then(() => this.stop(this.#captureEnded()));
    else if (frame.kind === 'noise') {
      const text = `${frame.value} blocks of SYNs in the window were no knock, the last from ${formatAddress(frame.source)}`;
      this.#log.info({ event: 'noise', count: frame.value }, text);
    }
  }

  #captureEnded(): number {
    const isExpected = this.#config.capture.from === 'stdin';
    this.#log[isExpected ? 'info' : 'error'](
      { event: 'capture' },
      'the capture has ended: no knock can be heard any more',
    );
    return isExpected ? 0 : 1;
  }

  async #open({ source, door: doorName, client, value: at }: Frame): Promise<void> {
    const door = this.#permissions.find(client, doorName);
    if (typeof door === 'string') {
      return this.#note(
        at,
        source,
        doorName,
        client,
        door,
        'warn',
        `refused: ${door}: ${client} for ${doorName}`,
      );
    }
    await this.#openDoor(door, source, client, at);
  }

  /** Opens first and speaks of it afterwards. @returns whether it is open now; the log says why not */
  async #openDoor(door: Door, source: Uint8Array, client: string, at: number): Promise<boolean> {
    try {
      if (!isUnicast(source)) throw new OperatorError('bad-source', 'its source is no host');
      let outcome = 'opened';
      if (door.kind === 'command') {
        outcome = this.#errands.open(door, source, client);
      } else {
        const opening = this.#tableKeeper().open(door, source, client);
        if (opening !== undefined) await opening;
      }
      const text = `${outcome} ${whoOpens(door, client, source)}: ${describeAction(door)}`;
      this.#note(at, source, door.name, client, outcome, 'info', text);
      return true;
    } catch (error) {
      const text = `cannot open ${whoOpens(door, client, source)}: ${messageOf(error)}`;
      this.#note(at, source, door.name, client, 'failed', 'error', text);
      return false;
    }
  }

  #tableKeeper(): Guard {
    if (this.#guard !== undefined) return this.#guard;
    throw new OperatorError(
      'no-guard',
      'this daemon keeps no table: no door of its configuration opens a service',
    );
  }

  #noteRefusal({ code, detail, source, door, client, value: at }: Frame): void {
    const reason = reasons[code] ?? 'unknown-client';
    const who = client === '' ? 'somebody' : client;
    const from = `${who} from ${formatAddress(source)}${door === '' ? '' : ` for ${door}`}`;
    const text = `refused: ${reason}: ${from}${explain(reason, detail)}`;
    this.#note(at, source, door, client, reason, 'warn', text);
  }

  #note(
    at: number,
    address: Uint8Array,
    door: string,
    client: string,
    outcome: string,
    level: 'info' | 'warn' | 'error',
    text: string,
  ): void {
    const source = formatAddress(address);
    const names = { door: door === '' ? undefined : door, client: client === '' ? undefined : client };
    this.#history.add({ at, source, ...names, outcome });
    this.#log[level]({ event: 'knock', outcome, source, ...names }, text);
  }

  async #answer(request: ControlRequest): Promise<unknown> {
    if (request.ask === 'status') return this.#status();
    if (request.ask === 'reload') return this.reload();
    if (request.ask === 'install') return this.#tableKeeper().load(this.#config);
    if (request.ask === 'remove') return this.#tableKeeper().remove();
    const door = this.#config.doors.find(({ name }) => name === request.door);
    const source = parseAddress(request.address);
    if (door === undefined) throw new OperatorError('no-door', `there is no door "${request.door}"`);
    if (source === undefined) throw new OperatorError('bad-address', `"${request.address}" is no address`);
    if (request.ask === 'close') return this.#close(door, source);
    if (await this.#openDoor(door, source, byHand, Date.now())) return undefined;
    throw new OperatorError('not-opened', 'the door could not be opened; the log says why');
  }

  async #close(door: Door, source: Uint8Array): Promise<boolean> {
    const wasOpen =
      door.kind === 'services'
        ? this.#guard?.close(door, source) === true
        : await this.#errands.close(door.name, source);
    if (wasOpen)
      this.#log.info(
        { event: 'closed', door: door.name },
        `closed ${door.name} for ${formatAddress(source)} by hand`,
      );
    return wasOpen;
  }

  async #status(): Promise<Status> {
    return statusOf({
      config: this.#config,
      startedAt: this.#startedAt,
      listenerPid: this.#listener.pid,
      guarding: this.#guard?.keeping ?? false,
      owed: this.#errands.owed,
      knocks: this.#history.list(),
      counters: await this.#listener.counters(),
    });
  }

  /** Reads the configuration again. A broken one is reported and the one before stays. @throws OperatorError(s) */
  async reload(): Promise<void> {
    notify(reloadingState());
    try {
      const config = this.#adjust(readConfig(this.#config.file));
      requireSamePlace(this.#config, config);
      await this.#guard?.adopt(config);
      this.#config = config;
      this.#permissions = new Permissions(config);
      this.#listener.configure(config);
      const isAllowed = (client: string, door: string) => this.#isStillAllowed(client, door);
      this.#guard?.closeForbidden(isAllowed);
      this.#errands.closeForbidden(isAllowed);
      for (const warning of config.warnings) this.#log.warn({ event: 'configuration' }, warning);
      this.#log.info({ event: 'reloaded' }, `reloaded: ${summary(config)}`);
    } catch (error) {
      const errors = error instanceof OperatorErrors ? error.errors : [error];
      for (const each of errors) {
        const text = each instanceof OperatorError ? describe(each) : messageOf(each);
        this.#log.error({ event: 'not-reloaded' }, text);
      }
      this.#log.error(
        { event: 'not-reloaded' },
        'the configuration was not reloaded; the one before stays in force',
      );
      throw error;
    } finally {
      notify('READY=1');
    }
  }

  /** An opening made by hand, here or with nft, is nobody's to forbid. */
  #isStillAllowed(client: string, door: string): boolean {
    return client === '' || client === byHand || this.#permissions.allows(client, door);
  }

  #watchSignals(): void {
    process.on('SIGHUP', () => void this.reload().catch(() => {}));
    process.on('SIGTERM', () => void this.stop(0));
    process.on('SIGINT', () => void this.stop(0));
  }

  /** Tells the service manager that both processes answer, as often as it wants to hear it. */
  #startWatchdog(): void {
    const everyMs = watchdogMs();
    if (everyMs === undefined) return;
    const beat = () => this.#listener.askAlive(() => notify('WATCHDOG=1'));
    beat();
    this.#watchdog = setInterval(beat, everyMs / 3);
  }

  /** Ends in order: closes what only we can close. The table stays, and the kernel ends its openings on time. */
  async stop(status: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    notify('STOPPING=1');
    this.#listener.kill();
    await this.#opening;
    await this.#errands.closeAll();
    this.#log.info({ event: 'stopped' }, 'stopped; what is guarded stays shut');
    this.#end(status);
  }

  #end(status: number): void {
    clearInterval(this.#watchdog);
    this.#control?.close();
    this.#guard?.stop();
    this.#capture.close();
    this.#finish(status);
  }
}

/** Without services to guard and a group to be logged to, the firewall is somebody else's business. */
export function needsTable(config: Config): boolean {
  return config.capture.from === 'nflog' || config.doors.some(({ kind }) => kind === 'services');
}

/** Keeps nothing of what it waited for: there will be many. */
async function bothSettle(first: Promise<void>, second: Promise<void>): Promise<void> {
  await first;
  await second;
}

function whoOpens(door: Door, client: string, source: Uint8Array): string {
  return `${door.name} for ${client === byHand ? '(by hand)' : client} from ${formatAddress(source)}`;
}

function requireSamePlace(before: Config, after: Config): void {
  const same =
    sameCapture(before.capture, after.capture) &&
    before.stateDirectory === after.stateDirectory &&
    before.user === after.user &&
    needsTable(before) === needsTable(after);
  if (same) return;
  throw new OperatorError('needs-restart', 'capture, user and state_directory cannot change while running', {
    file: after.file,
    hint: 'restart portknockd',
  });
}
