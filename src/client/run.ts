/** Does a job of knocking and says what came of it. */
import { report } from '../system/error.js';
import type { Warn } from './composer.js';
import { KnockError } from './failure.js';
import type { ClientOptions } from './invocation.js';
import { composerOf, type Job } from './job.js';
import { deliver } from './knock.js';
import { addressToBind, composePorts, hasTime } from './portsequence.js';
import type {
  ChallengeRequest,
  DatagramRequest,
  KnockDelivery,
  KnockOptions,
  PlainSequenceRequest,
  PortSequenceRequest,
} from './request.js';
import { resolveHost } from './resolve.js';
import { type KnockResult, toDocument } from './result.js';
import { Screen } from './screen.js';

/** The exit status of what did not open in time. */
const notOpen = 3;

/** What of the options is about showing. */
export type Showing = Pick<ClientOptions, 'json' | 'quiet' | 'verbose'>;

/** @returns the exit status @throws OperatorError for what is neither done nor too late */
export async function runKnock(job: Job, showing: Showing): Promise<number> {
  const { options, place } = job;
  const screen = new Screen({ ...showing, place, waitPort: options.wait, live: !showing.json });
  try {
    const composer = await composerOf(job, screen.tell);
    const { result, socket } = await deliver(options, { composer, watch: screen.watch });
    socket?.destroy();
    screen.clear();
    if (showing.json) printJson(job, result);
    else if (!showing.quiet) process.stdout.write(`${sentence(job, result)}\n`);
    return 0;
  } catch (error) {
    screen.clear();
    if (!(error instanceof KnockError)) throw error;
    if (showing.json) printJson(job, error.result, error);
    return failed(error);
  }
}

/** Says why a knock came to nothing. @returns the exit status */
export function failed(error: KnockError): number {
  const status = report('portknock', error);
  return error.code === 'not-open' ? notOpen : status;
}

/** Prints what would be sent, to the first address or the one of the wanted family. Touches nothing. */
export async function dryRun(job: Job, showing: Showing): Promise<number> {
  const { options, place } = job;
  const screen = new Screen({ ...showing, place, waitPort: undefined, live: false });
  const time = job.time ?? Date.now();
  const { document, lines } = await rehearse(options, time, message => screen.warn(message));
  const text = showing.json ? JSON.stringify({ host: options.host, ...document }) : lines.join('\n');
  process.stdout.write(`${text}\n`);
  return 0;
}

/** What would be sent: for programs, and one a line for people. */
interface Rehearsal {
  readonly document: Readonly<Record<string, unknown>>;
  readonly lines: readonly (string | number)[];
}

function rehearse(options: KnockOptions, time: number, warn: Warn): Promise<Rehearsal> {
  switch (options.method) {
    case 'port-sequence':
      return rehearsePorts(options, time, warn);
    case 'plain-sequence':
      return rehearseSequence(options, warn);
    case 'datagram':
      return rehearseDatagrams(options, time, warn);
    case 'challenge':
      return rehearseChallenge(options, time);
  }
}

async function rehearsePorts(
  options: KnockDelivery & PortSequenceRequest,
  time: number,
  warn: Warn,
): Promise<Rehearsal> {
  const bound = await boundOf(options, warn);
  const ports = composePorts(options, bound, time);
  const at = hasTime(options) ? new Date(time).toISOString() : null;
  return { document: { bound: bound ?? null, time: at, ports }, lines: ports };
}

async function rehearseSequence(request: PlainSequenceRequest, warn: Warn): Promise<Rehearsal> {
  const { rehearse } = await import('./plainsequence.js');
  const sequence = await rehearse(request, warn);
  return { document: { sequence }, lines: sequence };
}

async function rehearseDatagrams(
  options: KnockDelivery & DatagramRequest,
  time: number,
  warn: Warn,
): Promise<Rehearsal> {
  const [target] = await resolveHost(options.host, options.family);
  const { rehearse } = await import('./datagram.js');
  const { bound, failure, datagrams, ...at } = await rehearse(options, target!, time, warn);
  if (failure !== undefined) throw unknownAddress(options.host);
  const { address } = target!;
  const second = new Date(at.time!).toISOString();
  return {
    document: { address, bound, time: second, datagrams },
    lines: datagrams.flatMap(({ service, port, hex }) => [
      ...[`to: ${address}, UDP port ${port}`, `service: ${service}`, `address signed: ${bound}`],
      ...[`time: ${second}`, `datagram: ${hex}`],
    ]),
  };
}

async function rehearseChallenge(
  options: KnockDelivery & ChallengeRequest,
  time: number,
): Promise<Rehearsal> {
  const [target] = await resolveHost(options.host, options.family);
  const { rehearse } = await import('./challenge.js');
  const { hello, text } = rehearse(options, time);
  const { address } = target!;
  const { port } = options;
  const at = new Date(time).toISOString();
  return {
    document: { address, port, time: at, hello, text },
    lines: [
      `to: ${address}, UDP port ${port}`,
      `time: ${at}`,
      `hello: ${hello}`,
      'to be signed:',
      text.trimEnd(),
    ],
  };
}

async function boundOf(
  options: KnockDelivery & PortSequenceRequest,
  warn: Warn,
): Promise<string | undefined> {
  const { identity, host, family } = options;
  if ('classicPassphrase' in identity || identity.address === 'none') return undefined;
  if (identity.address !== 'auto' && identity.address !== 'local') return identity.address;
  const [target] = await resolveHost(host, family);
  try {
    return await addressToBind(options, target!, warn);
  } catch {
    throw unknownAddress(host);
  }
}

function unknownAddress(host: string): KnockError {
  return new KnockError('unreachable', `${host} cannot be reached, so no own address is known`, {
    hint: 'say which with --address',
  });
}

function sentence({ place, manner, options }: Job, result: KnockResult): string {
  const sent = result.addresses.filter(({ failure }) => failure === undefined);
  const addresses = sent.map(({ address }) => address).join(', ');
  const where = addresses === place ? '' : ` (${addresses})`;
  const knocked = `knocked ${place}${where} ${manner}`;
  if (result.opened === undefined) return knocked;
  const knocks = result.attempts === 1 ? '' : `, ${result.attempts} knocks`;
  const took = `open after ${inMs(result.opened.waitMs)} (${inMs(result.totalMs)} in all${knocks})`;
  return `${knocked}: port ${options.wait} ${took}`;
}

function inMs(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

function printJson(job: Job, result: KnockResult | undefined, error?: KnockError): void {
  const document = {
    place: job.place,
    purpose: job.purpose,
    ...(result === undefined ? { host: job.options.host } : toDocument(result)),
    outcome: error?.code ?? (result?.opened === undefined ? 'sent' : 'opened'),
  };
  process.stdout.write(`${JSON.stringify(document)}\n`);
}
