/**
 * The monitor: keeps the table, opens doors that the listener asks for and the configuration allows, runs door commands.
 *
 * It has the privileges and reads no packet. What can ask it for something: frames of the listener (daemon/frames.ts),
 * and the control socket of its own user.
 */
import type { Server } from 'node:net';
import { isUnicast, parseAddress } from '../net/address.js';
import { OperatorError } from '../system/error.js';
import { tellAdmitted } from './admitted.js';
import { findNamed } from './asked.js';
import { type CaptureSource, captureEnded, openCapture } from './capture.js';
import { openAsked } from './certified.js';
import { Closing, stillAllowed } from './closing.js';
import { anyone, type Config, type Door, Permissions, type SequenceSettings } from './config.js';
import { type ControlRequest, controlPath, serveControl } from './control.js';
import { Errands } from './errands.js';
import type { Frame } from './frames.js';
import { joinSets, type Keeper, requireKeeper } from './keeper.js';
import { type FreshKeys, KeyKeeper, withKeys } from './keykeeper.js';
import { keyName } from './keynames.js';
import { type Log, messageOf } from './log.js';
import type { Manners } from './manners.js';
import { notify, reloadingState, startWatchdog } from './notify.js';
import { byHand } from './opening.js';
import { ReplyPort } from './replyport.js';
import { openKeeper, requireSamePlace } from './restart.js';
import { Revocation } from './revocation.js';
import { Runner } from './runner.js';
import { bothSettle } from './settle.js';
import { openState, type State } from './state.js';
import { type Status, statusOf } from './status.js';
import { listenerFailed, Subprocess } from './subprocess.js';
import { type Asked, Teller } from './told.js';
import { Traffic } from './traffic.js';
import { noSequences, useSequence, withSequence } from './turn.js';
import { placeOf, summary } from './wording.js';

export class Monitor {
  readonly #log: Log;
  readonly #read: () => Config;
  readonly #manners: Manners;
  readonly #teller: Teller;
  readonly #startedAt = Date.now();
  #config: Config;
  #permissions: Permissions;
  readonly #state: State;
  readonly #guard: Keeper | undefined;
  readonly #errands: Errands;
  readonly #closing: Closing;
  readonly #capture: CaptureSource;
  readonly #replies: ReplyPort;
  readonly #revocation: Revocation;
  readonly #keys: KeyKeeper;
  #listener!: Subprocess;
  /** Settles when every knock heard so far has been dealt with. */
  #opening: Promise<void> = Promise.resolve();
  /** While a configuration is taken over: settles when it is in force. */
  #reloading: Promise<void> | undefined;
  readonly #traffic: Traffic;
  #control: Server | undefined;
  #stopWatchdog = () => {};
  #stopping = false;
  readonly #ended: Promise<number>;
  #finish!: (status: number) => void;

  /**
   * Takes hold of everything that can fail before anything changes.
   * @param read gives the configuration, now and at every reload
   * @throws OperatorError
   */
  constructor(read: () => Config, log: Log, manners: Manners = {}) {
    const config = read();
    this.#manners = manners;
    this.#config = config;
    this.#permissions = new Permissions(config);
    this.#read = read;
    this.#log = log;
    this.#teller = new Teller(log);
    this.#traffic = new Traffic(log);
    this.#ended = new Promise(resolve => {
      this.#finish = resolve;
    });
    this.#state = openState(config.stateDirectory);
    this.#errands = new Errands(this.#state.journal, new Runner(log), log);
    this.#guard = openKeeper(config, log);
    this.#closing = new Closing(this.#guard, this.#errands, log);
    this.#replies = new ReplyPort(config);
    this.#capture = openCapture(config, log, () => this.#tellAddresses());
    this.#revocation = new Revocation(config, log, news => this.#listener.tellLists(news));
    this.#keys = new KeyKeeper(log, keys => this.#takeKeys(keys));
  }

  /** Runs until stopped or until a part fails. @returns the exit status @throws OperatorError where it cannot start */
  async run(): Promise<number> {
    for (const warning of this.#config.warnings) this.#log.warn({ event: 'configuration' }, warning);
    await this.#guard?.start();
    this.#guard?.closeForbidden(stillAllowed(this.#config));
    this.#errands.start();
    await this.#startListener();
    this.#keys.adopt(this.#config, this.#startedAt);
    this.#control = await serveControl(controlPath(this.#config.stateDirectory), request =>
      this.#answer(request),
    );
    this.#watchSignals();
    this.#stopWatchdog = startWatchdog(answered => this.#listener.askAlive(answered));
    // Until then datagrams are refused; all else is heard already.
    await this.#revocation.begun();
    if (this.#stopping) return this.#ended;
    notify('READY=1');
    this.#manners.ready?.();
    this.#log.info({ event: 'ready', place: placeOf(this.#config) }, `ready: ${summary(this.#config)}`);
    return this.#ended;
  }

  #startListener(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { isDaemon = false } = this.#manners;
      const handed = { capture: this.#capture, state: this.#state, replies: this.#replies };
      this.#listener = new Subprocess(this.#config, handed, isDaemon, {
        frame: frame => {
          if (frame.kind !== 'ready') return this.#take(frame);
          this.#teller.ready(frame);
          resolve();
        },
        ended: how => {
          reject(listenerFailed(how, this.#config.user));
          this.#listenerEnded(how);
        },
      });
      // Before the settings: what waits to be verified must not be without the lists that we have.
      this.#revocation.start();
      this.#listener.configure(this.#config);
    });
  }

  /** They may change before there is a listener, which is told them at its start. */
  #tellAddresses(): void {
    (this.#listener as Subprocess | undefined)?.configure(this.#config);
  }

  #listenerEnded(how: string): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#log.error(
      { event: 'listener' },
      `the listener ${how}; what is guarded stays shut, and this process ends too`,
    );
    this.#listener.kill();
    // Without a service manager nobody starts it again to run what is owed.
    const closed = this.#manners.isDaemon === true ? this.#errands.closeAll() : Promise.resolve();
    void closed.then(() => this.#end(1));
  }

  #take(frame: Frame): void {
    if (frame.kind === 'open') this.#opening = bothSettle(this.#opening, this.#open(frame));
    else if (frame.kind === 'datagram')
      this.#opening = bothSettle(this.#opening, openAsked(frame, this.#config, this.#guard, this.#teller));
    else if (frame.kind === 'prepare') this.#guard?.prepare();
    else if (frame.kind === 'admitted') tellAdmitted(frame, this.#permissions, this.#guard, this.#teller);
    else if (frame.kind === 'gather') this.#capture.setGathered(frame.value);
    else if (frame.kind === 'ended')
      void this.#opening.then(() => this.stop(captureEnded(this.#config, this.#log)));
    else if (frame.kind === 'summary') void this.#tellTraffic(frame.source);
    else this.#teller.tell(frame, keyName(this.#config, frame.serial));
  }

  async #tellTraffic(last: Uint8Array): Promise<void> {
    this.#traffic.tell(await this.#listener.counters(), last);
  }

  async #open({ source, door: doorName, client: name, value: at, serial }: Frame): Promise<void> {
    const client = name === '' ? anyone : name;
    // What is being taken over would offer this sequence again. Otherwise at once: the log keeps its order.
    if (client === anyone && this.#reloading !== undefined) await this.#reloading;
    const door = this.#permissions.find(client, doorName);
    if (typeof door === 'string') {
      const told = { at, address: source, door: doorName, client, outcome: door };
      return this.#teller.knock(told, 'warn', `refused: ${door}: ${client} for ${doorName}`);
    }
    if (client === anyone && door.sequence?.oneTimeFile !== undefined) {
      return this.#openOnce(door, door.sequence, source, at);
    }
    await this.#openDoor(door, { source, client, at, serial });
  }

  /** Opens a door with a sequence that is used up by it: what could not be marked as used opens nothing. */
  async #openOnce(door: Door, sequence: SequenceSettings, source: Uint8Array, at: number): Promise<void> {
    const { next, failure } = useSequence(door.name, sequence, this.#log);
    this.#config = withSequence(this.#config, door.name, next);
    this.#permissions = new Permissions(this.#config);
    this.#listener.configure(this.#config);
    if (failure === undefined) await this.#openDoor(door, { source, client: anyone, at });
    else this.#teller.notOpened(door, { source, client: anyone, at }, failure);
    if (next.steps.length === 0) {
      this.#log.error({ event: 'no-sequence', door: door.name }, noSequences(door.name));
    }
    await this.#hearNext(door.name);
  }

  /** Listens at the ports of the one-time sequence that is next. */
  async #hearNext(door: string): Promise<void> {
    try {
      this.#capture.adopt(this.#config);
      await this.#guard?.adopt(this.#config);
    } catch (error) {
      const text = `door ${door}: its next one-time sequence may not be heard: ${messageOf(error)}`;
      this.#log.error({ event: 'one-time', door }, text);
    }
  }

  /** Opens first and speaks of it afterwards. @returns whether it is open now; the log says why not */
  async #openDoor(door: Door, by: Asked): Promise<boolean> {
    const { source, client } = by;
    const asked = { ...by, key: keyName(this.#config, by.serial) };
    try {
      if (!isUnicast(source)) throw new OperatorError('bad-source', 'its source is no host');
      let outcome = 'opened';
      if (door.kind === 'command') {
        outcome = this.#errands.open(door, source, client);
        void joinSets(this.#guard, door, source, client, this.#log);
      } else {
        const opening = requireKeeper(this.#guard).open(door, source, client);
        // Another configuration may have been taken over meanwhile.
        if (opening !== undefined) await opening.then(() => this.#closing.closeForbidden(this.#config));
      }
      this.#teller.opened(door, asked, outcome);
      return true;
    } catch (error) {
      this.#teller.notOpened(door, asked, messageOf(error));
      return false;
    }
  }

  async #answer(request: ControlRequest): Promise<unknown> {
    if (request.ask === 'status') return this.#status();
    if (request.ask === 'reload') return this.reload();
    if (request.ask === 'install') return requireKeeper(this.#guard).load(this.#config);
    if (request.ask === 'remove') return requireKeeper(this.#guard).remove();
    const door = findNamed(this.#config, request.door);
    const source = parseAddress(request.address);
    if (door === undefined) throw new OperatorError('no-door', `there is no door "${request.door}"`);
    if (source === undefined) throw new OperatorError('bad-address', `"${request.address}" is no address`);
    if (request.ask === 'close') return this.#closing.closeByHand(door, source);
    if (await this.#openDoor(door, { source, client: byHand, at: Date.now() })) return undefined;
    throw new OperatorError('not-opened', 'the door could not be opened; the log says why');
  }

  async #status(): Promise<Status> {
    return statusOf({
      config: this.#config,
      startedAt: this.#startedAt,
      listenerPid: this.#listener.pid,
      guarding: this.#guard?.keeping ?? false,
      openings: (await this.#guard?.list()) ?? [],
      owed: this.#errands.owed,
      knocks: this.#teller.history.list(),
      lists: this.#revocation.status,
      answersIPv6: this.#replies.hasIPv6,
      counters: await this.#listener.counters(),
    });
  }

  /** Reads the configuration again. A broken one is reported and the one before stays. @throws OperatorError(s) */
  reload(): Promise<void> {
    const reloaded = (this.#reloading ?? Promise.resolve()).then(() => this.#reloadNow());
    const settled = reloaded.catch(() => {});
    this.#reloading = settled;
    void settled.then(() => {
      if (this.#reloading === settled) this.#reloading = undefined;
    });
    return reloaded;
  }

  async #reloadNow(): Promise<void> {
    notify(reloadingState());
    this.#log.debug({ event: 'reloading', file: this.#config.file }, `reads ${this.#config.file} again`);
    try {
      const readAt = Date.now();
      const config = this.#read();
      requireSamePlace(this.#config, config);
      this.#replies.adopt(config);
      await this.#adopt(config);
      this.#keys.adopt(config, readAt);
      this.#closing.closeForbidden(config);
      for (const warning of config.warnings) this.#log.warn({ event: 'configuration' }, warning);
      this.#log.info({ event: 'reloaded' }, `reloaded: ${summary(config)}`);
    } catch (error) {
      this.#teller.notReloaded(error);
      throw error;
    } finally {
      notify('READY=1');
    }
  }

  async #adopt(config: Config): Promise<void> {
    await this.#guard?.adopt(config);
    try {
      this.#capture.adopt(config);
    } catch (error) {
      // What would be guarded now could be opened by nobody.
      await this.#guard?.adopt(this.#config);
      throw error;
    }
    this.#config = config;
    this.#permissions = new Permissions(config);
    this.#revocation.adopt(config);
    this.#listener.configure(config);
  }

  /** Keys of clients have changed, and nothing else: what is open stays open, but for who has no key any more. */
  #takeKeys(keys: FreshKeys): void {
    this.#config = withKeys(this.#config, keys, this.#log);
    this.#permissions = new Permissions(this.#config);
    this.#listener.configure(this.#config);
    this.#closing.closeForbidden(this.#config);
  }

  #watchSignals(): void {
    process.on('SIGHUP', () => void this.reload().catch(() => {}));
    const { SIGTERM = 0, SIGINT = 0 } = this.#manners.signalStatus ?? {};
    process.on('SIGTERM', () => void this.stop(SIGTERM));
    process.on('SIGINT', () => void this.stop(SIGINT));
  }

  /** Ends in order: closes what only we can close. The table stays, and the kernel ends its openings on time. */
  async stop(status: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    notify('STOPPING=1');
    this.#log.debug({ event: 'stopping' }, 'stopping');
    this.#listener.kill();
    await this.#opening;
    await this.#errands.closeAll();
    this.#log.info({ event: 'stopped' }, 'stopped; what is guarded stays shut');
    this.#end(status);
  }

  #end(status: number): void {
    this.#stopWatchdog();
    this.#control?.close();
    this.#guard?.stop();
    this.#revocation.stop();
    this.#keys.stop();
    this.#capture.close();
    this.#finish(status);
  }
}
