/**
 * Hellos and responses of a capture, for `portknockd explain`: the recogniser that the daemon runs, with nothing heard before.
 *
 * Whether the challenge in a response is the daemon's is not asked: the secret that would show it never leaves the daemon.
 */
import { type Answer, answerRandomLength, Challenge, secretLength } from '../methods/challenge/recognise.js';
import type { Signer } from '../methods/challenge/site.js';
import type { Knock, Refusal } from '../methods/knock.js';
import type { Packet } from '../net/packet.js';
import { buildChallenges, buildSigners, challengeSettings } from './challengesite.js';
import type { Config } from './config.js';

/** A hello that a challenge would have gone back for. */
export interface Answered extends Omit<Refusal, 'outcome' | 'door' | 'reason' | 'detail'> {
  readonly outcome: 'answer';
  readonly door: string;
}

/** Where decisions are told in the order of their packets, those too that take a while. */
export interface Waiting {
  say(decision: Refusal | Answered): void;
  sayLater(deciding: () => Promise<Knock | Refusal>): void;
}

export interface CapturedChallenges {
  take(packet: Packet, waiting: Waiting): void;
  /** What is to be said of them all, when they have been taken. */
  readonly remarks: readonly string[];
}

const unproven =
  'whether the challenges in responses were made by this server is not known: only the daemon that made them can say';

/** Nothing that it makes leaves this program. */
const noSecret = new Uint8Array(secretLength);
const noRandom = new Uint8Array(answerRandomLength);

/** Undefined where the configuration has no challenges. */
export async function challengesOf(config: Config): Promise<CapturedChallenges | undefined> {
  const settings = challengeSettings(config);
  if (settings === undefined) return undefined;
  const method = new Challenge(buildChallenges(settings), noSecret, 0);
  const signers = buildSigners(settings);
  const judging = await judgeOf(signers);
  const remarks: string[] = [];
  const take = (packet: Packet, waiting: Waiting) => {
    if (packet.port !== settings.port) return;
    const examined = method.examine(packet);
    const found = examined ?? method.recognise(packet, noRandom, () => false);
    if (found?.outcome === 'refused') waiting.say(found);
    else if (found?.outcome === 'answer') waiting.say(answered(found, packet));
    else if (found !== undefined) {
      if (remarks.length === 0) remarks.push(unproven);
      waiting.sayLater(async () => method.conclude(found, await judging.judge(found), signers));
    }
  };
  return { take, remarks };
}

async function judgeOf(signers: readonly Signer[]) {
  // What reads keys of OpenPGP is large, and is loaded by whoever needs it.
  const { Signers } = await import('../methods/challenge/judge.js');
  return new Signers(signers);
}

function answered({ outcome, door }: Answer, { source, at }: Packet): Answered {
  return { outcome, door, method: 'challenge', client: undefined, source: Uint8Array.from(source), at };
}
