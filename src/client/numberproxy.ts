/**
 * `portknock connect`, and `portknock proxy` with a profile of sequence numbers: connects, and joins the connection to
 * standard input and output.
 */
import { fstatSync } from 'node:fs';
import type { Socket } from 'node:net';
import {
  defaultPeriodMs,
  defaultToleranceMs,
  longestPeriodMs,
  longestToleranceMs,
  type Periods,
  shortestPeriodMs,
} from '../methods/sequence-number/format.js';
import { sendDescriptor } from '../net/descriptors.js';
import { dashed } from '../system/command-line.js';
import { durationArgument, roughly } from '../system/duration.js';
import { OperatorError } from '../system/error.js';
import type { SequenceNumberProfile } from '../system/numberprofile.js';
import { readPassphraseFile } from '../system/secret.js';
import { chooseDoor } from './door.js';
import { KnockError } from './failure.js';
import { defaultServicePath } from './folders.js';
import { type ClientOptions, type Invocation, portArgument } from './invocation.js';
import { becomeInvoker } from './invoker.js';
import { durationWithin, readDelivery } from './job.js';
import { joinStandard } from './join.js';
import { connectNumbered, type NumberedEvent, type NumberedRequest } from './numbered.js';
import { failed } from './run.js';
import { Screen } from './screen.js';
import { longestWaitMs } from './socketrequest.js';
import { fileStepMemory } from './steps.js';
import { type ServedConnection, type ServiceRequest, throughService } from './throughservice.js';

type Connect = Extract<Invocation, { form: 'connect' }>;
type Proxy = Extract<Invocation, { form: 'proxy' }>;

const defaultTimeoutMs = 10_000;
const furthestOffsetMs = 86_400_000;

/** `portknock connect HOST PORT`. @returns the exit status @throws OperatorError */
export async function runConnect({ host, port, options }: Connect): Promise<number> {
  const { pskFile, macPort, socket } = options;
  if (pskFile === undefined) {
    requireAbsent(options, ['macPort', 'period', 'tolerance', 'clockOffset'], 'goes with --psk-file');
    return runThroughService({ host }, port, options);
  }
  if (socket !== undefined) throw new OperatorError('usage', '--socket does not go with --psk-file');
  const target = {
    ...{ host, port, ...readWays(host, options), clockOffsetMs: readOffset(options.clockOffset) },
    psk: Buffer.from(readPassphraseFile(pskFile), 'utf8'),
    macPort: macPort === undefined ? undefined : portArgument('--mac-port', macPort),
    periods: readPeriods(options),
  };
  return runNumbered(target, options);
}

/** `portknock proxy PROFILE HOST PORT` with a profile of sequence numbers. @returns the exit status */
export async function proxyByProfile(profile: SequenceNumberProfile, proxy: Proxy): Promise<number> {
  const { name, port, options } = proxy;
  requireAbsent(
    options,
    ['address', 'retries', 'delay', 'raw', 'socket'],
    'has no meaning for a sequence number',
  );
  if (options.door !== undefined) chooseDoor(profile, options.door);
  // ssh hands over the alias where its configuration says no more; the profile knows better.
  const host = proxy.host === name ? (profile.host ?? proxy.host) : proxy.host;
  const { macPort, periodSeconds, toleranceSeconds } = profile;
  const target = {
    ...{ host, port, macPort, ...readWays(host, options), clockOffsetMs: readOffset(options.clockOffset) },
    psk: Buffer.from(profile.psk, 'utf8'),
    periods: { periodMs: periodSeconds * 1000, toleranceMs: toleranceSeconds * 1000 },
  };
  return runNumbered(target, options);
}

/** `portknock proxy PROFILE HOST PORT` with a profile that the socket service may have. @returns the exit status */
export async function proxyByService({ name, host, port, options }: Proxy): Promise<number> {
  requireAbsent(
    options,
    ['address', 'retries', 'delay', 'raw', 'door', 'clockOffset'],
    'has no meaning for the socket service',
  );
  return runThroughService({ name, host }, port, options);
}

async function runThroughService(
  of: Pick<ServiceRequest, 'name' | 'host'>,
  port: number,
  options: ClientOptions,
): Promise<number> {
  const place = of.name ?? of.host ?? '';
  const screen = new Screen({ ...options, place, waitPort: port, live: false });
  const path = options.socket ?? defaultServicePath;
  const ways = readWays(place, options);
  if (ways.timeoutMs > longestWaitMs) {
    const most = `${longestWaitMs / 1000}s`;
    throw new OperatorError(
      'usage',
      `--timeout expected at most ${most} for the socket service, got "${options.timeout}"`,
    );
  }
  return joinTo(screen, options, () => throughService({ path, ...of, port, ...ways }));
}

async function runNumbered(request: NumberedRequest, options: ClientOptions): Promise<number> {
  const screen = new Screen({ ...options, place: request.host, waitPort: request.port, live: false });
  const { psk, port, macPort = port, periods } = request;
  const memory = fileStepMemory({ psk, port: macPort, periods }, why => screen.warn(why));
  const setting = { memory, watch: (event: NumberedEvent) => tell(screen, event) };
  return joinTo(screen, options, () => connectNumbered({ ...request, paused: options.fdpass }, setting));
}

/** Joins a connection, once it is there, or hands it over. */
async function joinTo(
  screen: Screen,
  { fdpass }: ClientOptions,
  connect: () => Promise<ServedConnection>,
): Promise<number> {
  if (fdpass) requireTaker();
  const startedAt = performance.now();
  try {
    const { socket, fd, address } = await connect();
    becomeInvokerWith(socket);
    screen.note(`connected to ${address} after ${(performance.now() - startedAt).toFixed(1)} ms`);
    if (fdpass) handOver(socket, fd);
    else await joinStandard(socket);
    return 0;
  } catch (error) {
    if (error instanceof KnockError) return failed(error);
    throw error;
  }
}

function becomeInvokerWith(socket: Socket): void {
  try {
    becomeInvoker();
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** As ssh takes it with ProxyUseFdpass (ssh_config(5)): one byte, and the descriptor with it. */
function handOver(socket: Socket, fd: number): void {
  try {
    sendDescriptor(1, Buffer.of(0), fd);
  } finally {
    socket.destroy();
  }
}

/** Before a number is used up. @throws OperatorError `usage` */
function requireTaker(): void {
  if (fstatSync(1).isSocket()) return;
  throw new OperatorError('usage', '--fdpass: standard output is no socket, which a connection goes over', {
    hint: 'it goes with "ProxyUseFdpass yes" of ssh',
  });
}

function tell(screen: Screen, event: NumberedEvent): void {
  switch (event.event) {
    case 'resolved':
      screen.note(`addresses: ${event.targets.map(({ address }) => address).join(', ')}`);
      break;
    case 'connecting':
      screen.note(`connecting to ${event.address} with the number of period ${event.step}`);
      break;
    case 'waiting':
      screen.say(`every number that is good now was used: waiting ${roughly(event.ms)} for the next`);
      break;
  }
}

function readWays(host: string, options: ClientOptions): Pick<NumberedRequest, 'family' | 'timeoutMs'> {
  const { family, timeoutMs = defaultTimeoutMs } = readDelivery(host, options);
  return { family, timeoutMs };
}

function readPeriods({ period, tolerance }: ClientOptions): Periods {
  return {
    periodMs: wholeSeconds('--period', period, shortestPeriodMs, longestPeriodMs) ?? defaultPeriodMs,
    toleranceMs: wholeSeconds('--tolerance', tolerance, 0, longestToleranceMs) ?? defaultToleranceMs,
  };
}

function wholeSeconds(
  name: string,
  text: string | undefined,
  lowestMs: number,
  highestMs: number,
): number | undefined {
  if (text === undefined) return undefined;
  const ms = durationWithin(name, text, lowestMs, highestMs);
  if (ms % 1000 === 0) return ms;
  throw new OperatorError('usage', `${name} expected whole seconds, got "${text}"`);
}

function readOffset(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = durationArgument('--clock-offset', text.replace(/^[+-]/, ''));
  if (ms <= furthestOffsetMs) return text.startsWith('-') ? -ms : ms;
  throw new OperatorError('usage', `--clock-offset expected at most 24h either way, got "${text}"`);
}

function requireAbsent(options: ClientOptions, names: readonly (keyof ClientOptions)[], why: string): void {
  const given = names.find(name => options[name] !== undefined && options[name] !== false);
  if (given !== undefined) throw new OperatorError('usage', `${dashed(given)} ${why}`);
}
