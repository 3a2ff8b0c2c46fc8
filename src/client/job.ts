/** What the command line and a profile ask for, as the options of a knock. */
import { resolve } from 'node:path';
import { highestBasePort, spellings } from '../methods/port-sequence/spelling.js';
import { integerArgument, wordArgument } from '../system/command-line.js';
import { type DatagramProfile, isSignedAddress } from '../system/datagramprofile.js';
import { durationArgument } from '../system/duration.js';
import { OperatorError } from '../system/error.js';
import {
  type ClassicIdentity,
  isAddressChoice,
  isClassic,
  type Profile,
  type SealedIdentity,
} from '../system/profile.js';
import { readKeyFile, readPassphraseFile } from '../system/secret.js';
import { challengeArguments, challengeRequest } from './challengejob.js';
import { type Clock, clockWith, fileMemory, ownMemory } from './clock.js';
import type { Composer } from './composer.js';
import { profilesDirectory } from './folders.js';
import { type ClientOptions, type Invocation, portArgument } from './invocation.js';
import { portSequence } from './portsequence.js';
import {
  type KnockDelivery,
  type KnockOptions,
  type KnockRequest,
  longestDelayMs,
  longestTimeoutMs,
  mostRetries,
} from './request.js';
import type { Tell } from './signing/key.js';

/** A knock to be done, and how to speak of it. */
export interface Job {
  /** The host or the profile, as the user calls it. */
  readonly place: string;
  /** What is asked for there. */
  readonly purpose: string;
  /** The end of the sentence that tells of it, such as `for ssh`. */
  readonly manner: string;
  readonly options: KnockOptions;
  /** Milliseconds since 1970, where it was given. */
  readonly time: number | undefined;
}

type Direct = Extract<Invocation, { form: 'direct' }>;

/** `portknock HOST BASE-PORT COMMAND-ID`. @throws OperatorError */
export function directJob({ host, basePortText, commandText, options }: Direct): Job {
  const spelling = wordArgument('--spelling', options.spelling ?? 'ordered', spellings);
  const basePort = integerArgument('BASE-PORT', basePortText, 1, highestBasePort[spelling]);
  const identity = withAddress(readIdentity(options), options.address);
  const command = integerArgument('COMMAND-ID', commandText, 0, isClassic(identity) ? 0xffffffff : 0xff);
  const request: KnockRequest = { method: 'port-sequence', basePort, spelling, command, identity };
  return {
    place: host,
    purpose: `command ${command}`,
    manner: `for command ${command}`,
    options: { ...request, ...readDelivery(host, options) },
    time: readTime(options.time),
  };
}

/** A door of a profile, by its name there. @throws OperatorError */
export function profileJob(profile: Profile, door: string, options: ClientOptions, host = profile.host): Job {
  if (host === undefined) {
    throw new OperatorError('no-host', `the profile "${profile.name}" names no host`, {
      hint: 'import it again with --host and --force',
    });
  }
  const delivery = readDelivery(host, options);
  if (profile.doors.get(door)!.singleUse && delivery.wait !== undefined) {
    throw wouldUseUp(profile, door, delivery.wait);
  }
  return {
    place: profile.name,
    purpose: door,
    manner: `for ${door}`,
    options: { ...requestOf(profile, door, options), ...delivery },
    time: readTime(options.time),
  };
}

function requestOf(profile: Profile, name: string, options: ClientOptions): KnockRequest {
  const { method } = profile;
  if (options.passwordFile !== undefined && !(method === 'challenge' && 'keyFile' in profile.sign)) {
    throw new OperatorError('usage', '--password-file is about the key file of an OpenPGP key');
  }
  if (method === 'port-sequence') {
    const { basePort, spelling } = profile;
    const { command } = profile.doors.get(name)!;
    return { method, basePort, spelling, command, identity: withAddress(profile.identity, options.address) };
  }
  if (method === 'sequence-number') throw nothingToKnock(profile, name);
  if (method === 'datagram') return datagramRequest(profile, name, options);
  if (method === 'challenge') return challengeRequest(profile, name, options);
  for (const option of ['address', 'time'] as const) {
    if (options[option] === undefined) continue;
    throw new OperatorError('usage', `--${option} has no meaning for a plain sequence, which carries none`);
  }
  const { sequence, oneTimeSequences } = profile.doors.get(name)!;
  if (oneTimeSequences === undefined) return { method, sequence };
  return { method, oneTimeSequences: resolve(profilesDirectory(), oneTimeSequences) };
}

function datagramRequest(profile: DatagramProfile, door: string, options: ClientOptions): KnockRequest {
  const { method, certificate, key, serverCertificate, knockPort } = profile;
  const { services } = profile.doors.get(door)!;
  const address = signedAddress(options.address) ?? profile.address;
  if (options.raw)
    throw new OperatorError('usage', '--raw has no meaning for a datagram, which needs no privilege');
  return { method, services, certificate, key, serverCertificate, knockPort, address };
}

/** The own address to sign, as the command line says it. @throws OperatorError `usage` */
export function signedAddress(address: string | undefined): string | undefined {
  if (address === undefined || isSignedAddress(address)) return address;
  throw new OperatorError('usage', `--address expected "auto", "local" or an address, got "${address}"`, {
    hint: address === 'none' ? 'a datagram always carries one' : undefined,
  });
}

function nothingToKnock({ name, host, doors }: Profile, door: string): OperatorError {
  const port = /^tcp\/(\d+)$/.exec(doors.get(door)!.services[0] ?? '')?.[1] ?? 'PORT';
  return new OperatorError('usage', `"${name}" has no knock: its connections let themselves in`, {
    hint: `connect with: portknock proxy ${name} ${host ?? 'HOST'} ${port}`,
  });
}

/** `portknock challenge HOST DOOR`. @throws OperatorError */
export function challengeJob(invocation: Extract<Invocation, { form: 'challenge' }>): Job {
  const { host, door, options } = invocation;
  const request = challengeArguments(invocation);
  return {
    ...{ place: host, purpose: door, manner: `for ${door}` },
    options: { ...request, ...readDelivery(host, options) },
    time: readTime(options.time),
  };
}

/** What composes the knocks of a job. @param tell told what could not be remembered of them, and what a key waits for */
export async function composerOf({ options, time }: Job, tell: Tell): Promise<Composer> {
  const onFailure = tell.note;
  if (options.method === 'plain-sequence') return (await import('./plainsequence.js')).plainSequence(options);
  if (options.method === 'datagram') {
    const { fileSeconds } = await import('./second.js');
    return (await import('./datagram.js')).datagram(options, time, fileSeconds(onFailure));
  }
  if (options.method === 'challenge') {
    const { challenge } = await import('./challenge.js');
    const now = () => time ?? Date.now();
    return challenge(options, { tell, now, isOneEnough: options.wait !== undefined });
  }
  return portSequence(options, clockOf(options.identity, time, onFailure));
}

/** The user's clock, which remembers across runs, or the one that was given. */
function clockOf(
  identity: SealedIdentity | ClassicIdentity,
  time: number | undefined,
  onFailure: (why: string) => void,
): Clock {
  if (time !== undefined) return clockWith(ownMemory(), () => time);
  return clockWith(isClassic(identity) ? ownMemory() : fileMemory(identity.key, onFailure));
}

function wouldUseUp(profile: Profile, door: string, port: number): OperatorError {
  return new OperatorError('usage', `--wait would use up the one connection that "${door}" lets in`, {
    hint: `let it be joined to yours: portknock proxy ${profile.name} ${profile.host ?? 'HOST'} ${port}`,
  });
}

function readIdentity(options: ClientOptions): SealedIdentity | ClassicIdentity {
  const { clientId, siteKeyFile, keyFile, classicPassphraseFile } = options;
  const sealed = { '--client-id': clientId, '--site-key-file': siteKeyFile, '--key-file': keyFile };
  const given = Object.entries(sealed).filter(([, value]) => value !== undefined);
  if (classicPassphraseFile !== undefined) {
    if (given.length === 0) return { classicPassphrase: readPassphraseFile(classicPassphraseFile) };
    throw new OperatorError('usage', `--classic-passphrase-file does not go with ${given[0]?.[0]}`, {
      hint: 'the server knows each client by keys or by a passphrase',
    });
  }
  if (clientId === undefined || siteKeyFile === undefined || keyFile === undefined) {
    const missing = Object.keys(sealed).filter(name => !given.some(([other]) => other === name));
    throw new OperatorError('usage', `missing: ${missing.join(', ')}`, {
      hint: 'give all three of --client-id, --site-key-file and --key-file, or --classic-passphrase-file',
    });
  }
  return {
    clientId: integerArgument('--client-id', clientId, 0, 0xffff),
    siteKey: readKeyFile(siteKeyFile),
    key: readKeyFile(keyFile),
    address: 'auto',
  };
}

function withAddress(
  identity: SealedIdentity | ClassicIdentity,
  address: string | undefined,
): SealedIdentity | ClassicIdentity {
  if (address === undefined) return identity;
  if (isClassic(identity)) {
    throw new OperatorError('usage', '--address has no meaning for a classic knock, which binds none');
  }
  if (isAddressChoice(address)) return { ...identity, address };
  throw new OperatorError(
    'usage',
    `--address expected "auto", "local", "none" or an address, got "${address}"`,
  );
}

/** Where to knock and what to do then, by the options. @throws OperatorError `usage` */
export function readDelivery(host: string, options: ClientOptions): KnockDelivery {
  const { wait, timeout, retries, delay, ipv4, ipv6, raw } = options;
  if (ipv4 && ipv6)
    throw new OperatorError('usage', '-4 and -6 exclude each other', { hint: 'leave out both' });
  return {
    host,
    raw,
    family: ipv4 ? 4 : ipv6 ? 6 : undefined,
    wait: wait === undefined ? undefined : portArgument('--wait', wait),
    timeoutMs: timeout === undefined ? undefined : durationWithin('--timeout', timeout, 1, longestTimeoutMs),
    retries: retries === undefined ? undefined : integerArgument('--retries', retries, 0, mostRetries),
    delayMs: delay === undefined ? undefined : readDelay(delay),
  };
}

function readDelay(text: string): number {
  return durationWithin('--delay', /^\d+$/.test(text) ? `${text}ms` : text, 0, longestDelayMs);
}

/** A duration within bounds. @throws OperatorError `usage` */
export function durationWithin(name: string, text: string, lowestMs: number, highestMs: number): number {
  const ms = durationArgument(name, text);
  if (ms >= lowestMs && ms <= highestMs) return ms;
  throw new OperatorError('usage', `${name} expected ${lowestMs}ms to ${highestMs}ms, got "${text}"`);
}

const isoTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;

/** Milliseconds since 1970. @throws OperatorError `usage` */
export function readTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = /^\d{1,14}$/.test(text) ? Number(text) : isoTime.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new OperatorError('usage', `--time expected milliseconds since 1970 or a time, got "${text}"`, {
    hint: 'such as --time 2026-11-18T11:06:40.123Z',
  });
}
