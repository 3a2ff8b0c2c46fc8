/**
 * Where knocks are heard: the monitor opens it, the listener reads it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { SystemError } from '../net/libc.js';
import { nflogHint, openNflog, setNflogGathered } from '../net/nflog.js';
import { errorCode, OperatorError } from '../system/error.js';
import type { Capture, Config } from './config.js';
import type { Log } from './log.js';
import { Tap } from './tap.js';
import { targetsOf, windowOf, wishOf } from './wish.js';

/** In which form packets come. */
export type CaptureKind = 'nflog' | 'interface' | 'lines';

export interface CaptureSource {
  readonly kind: CaptureKind;
  /** What becomes the listener's standard input. */
  readonly input: number | Readable | 'ignore' | 'inherit';
  /** The descriptor of an open NFLOG group or packet socket. */
  readonly socket: number | undefined;
  /** This machine's addresses, 16 bytes each, where the capture does not see to it that all is for us. */
  addresses(): readonly Uint8Array[] | undefined;
  /** Lets through what another configuration wants to hear. */
  adopt(config: Config): void;
  /** Tunes it to a flood or to quiet. */
  setGathered(packets: number): void;
  close(): void;
}

const untuned = { addresses: () => undefined, adopt: () => {}, setGathered: () => {} };

/** @param changed told when this machine's addresses have changed @throws OperatorError */
export function openCapture(config: Config, log: Log, changed: () => void): CaptureSource {
  const { capture } = config;
  if (capture.from === 'nflog') return openGroup(capture.group);
  if (capture.from === 'interface') return openInterface(config, capture, log, changed);
  if (capture.from === 'stdin')
    return { ...untuned, kind: 'lines', input: 'inherit', socket: undefined, close: () => {} };
  return openPath(capture.path, config);
}

function openInterface(
  config: Config,
  { interface: name, ipv6 }: Extract<Capture, { from: 'interface' }>,
  log: Log,
  changed: () => void,
): CaptureSource {
  const tap = new Tap(name, log);
  const adopt = (wanted: Config) => {
    const { tcp, udp } = wishOf(wanted.doors);
    const window = wanted.portSequence === undefined ? [] : [windowOf(wanted.portSequence)];
    tap.want({ tcp: [...window, ...tcp], udp, targets: targetsOf(wanted), ipv6 });
  };
  adopt(config);
  tap.onChange = changed;
  return {
    ...untuned,
    kind: 'interface',
    input: 'ignore',
    socket: tap.fd,
    addresses: () => tap.addresses,
    adopt,
    close: () => tap.close(),
  };
}

/** Whether two configurations listen at the same place. */
export function sameCapture(a: Capture, b: Capture): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function openGroup(group: number): CaptureSource {
  try {
    const nflog = openNflog(group);
    return {
      ...untuned,
      kind: 'nflog',
      input: 'ignore',
      socket: nflog,
      setGathered: packets => setNflogGathered(nflog, group, packets),
      close: () => closeSync(nflog),
    };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new OperatorError('no-nflog', `cannot read NFLOG group ${group}: ${error.code}`, {
      hint: nflogHint(error),
    });
  }
}

function openPath(path: string, config: Config): CaptureSource {
  const nothing = { ...untuned, kind: 'lines', socket: undefined } as const;
  try {
    // For writing too: so a FIFO has no end when its writers go away, and no wait before they come.
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    if (fstatSync(fd).isFIFO()) return { ...nothing, input: fd, close: () => closeSync(fd) };
    closeSync(fd);
  } catch (error) {
    if (errorCode(error) !== 'EACCES' && errorCode(error) !== 'EROFS') {
      const hint =
        'capture.from takes "nflog", "interface", "stdin", or the path of a FIFO or a file of hit lines';
      throw new OperatorError('no-capture', `${path}: cannot be opened (${errorCode(error)})`, {
        file: config.file,
        hint,
      });
    }
  }
  const tail = follow(path, config);
  return { ...nothing, input: tail.stdout as Readable, close: () => tail.kill() };
}

/**
 * Reads a file from its start, and what is added to it, also when it is rotated. With a classic client only what is
 * added from now on: its old knocks could be heard again.
 */
function follow(path: string, config: Config): ChildProcess {
  const start = config.clients.some(({ kind }) => kind === 'classic') ? '0' : '+1';
  const args = [
    '--lines',
    start,
    '--follow=name',
    '--retry',
    '--sleep-interval=0.1',
    `--pid=${process.pid}`,
    '--',
    path,
  ];
  return spawn('tail', args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** @returns the exit status of a daemon that can hear no knock any more */
export function captureEnded({ capture }: Config, log: Log): number {
  const isExpected = capture.from === 'stdin';
  const text = 'the capture has ended: no knock can be heard any more';
  log[isExpected ? 'info' : 'error']({ event: 'capture' }, text);
  return isExpected ? 0 : 1;
}
