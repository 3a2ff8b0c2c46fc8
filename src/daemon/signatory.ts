/**
 * The thread of the listener that judges the signatures of responses: one after the other, whatever is sent, so that no
 * flood of them takes more than this thread's time.
 *
 * Each belongs to a challenge that is ours and still good. It remembers nothing: what is accepted goes through admission
 * like every knock.
 */
import { parentPort } from 'node:worker_threads';
import { readPublicKey, weakPartsOf } from '../crypto/openpgp.js';
import { Signers } from '../methods/challenge/judge.js';
import type { Claim, Judgement, Signer } from '../methods/challenge/site.js';
import type { ChallengeSettings } from './config.js';
import { findGpgv, Gpgv } from './gpgv.js';
import type { Ready } from './thread.js';

/** Whose signatures count, and who judges those of OpenPGP. */
export interface SignatorySettings extends Pick<ChallengeSettings, 'verifyWith'> {
  readonly signers: readonly Signer[];
}

/** What it is told. */
export type Order =
  | { readonly say: 'settings'; readonly settings: SignatorySettings }
  | { readonly say: 'judge'; readonly claims: readonly Claim[] };

/** What it says, once it is there: a judgement for each claim in their order. */
export type Answer = { readonly say: 'judgements'; readonly judgements: readonly Judgement[] };

const notJudged: Judgement = { flaw: 'not-judged', client: undefined, key: undefined };

class Signatory {
  readonly #say: (answer: Answer) => void;
  #all: readonly Signer[] = [];
  #signers = new Signers([]);
  #verifyWith: SignatorySettings['verifyWith'] = 'openpgpjs';
  /** Undefined where it is not asked for, or cannot be had. */
  #gpgv: Gpgv | undefined;
  /** Everything in order: a claim is judged by the settings that were there before it. */
  #done: Promise<void> = Promise.resolve();

  constructor(say: (answer: Answer) => void) {
    this.#say = say;
  }

  obey(order: Order): void {
    this.#done = this.#done.then(() => this.#obey(order));
  }

  async #obey(order: Order): Promise<void> {
    if (order.say === 'settings') return await this.#adopt(order.settings);
    const judgements: Judgement[] = [];
    for (const claim of order.claims) judgements.push(await this.#judge(claim));
    this.#say({ say: 'judgements', judgements });
  }

  async #adopt({ signers, verifyWith }: SignatorySettings): Promise<void> {
    this.#all = signers;
    this.#signers = new Signers(signers);
    this.#verifyWith = verifyWith;
    this.#gpgv?.close();
    this.#gpgv = verifyWith === 'gpgv' ? await startGpgv(signers) : undefined;
  }

  async #judge(claim: Claim): Promise<Judgement> {
    try {
      if (claim.kind === 'ssh' || this.#verifyWith === 'openpgpjs') return await this.#signers.judge(claim);
      // The disk may have been full before.
      this.#gpgv ??= await startGpgv(this.#all);
      return (await this.#gpgv?.judge(claim)) ?? notJudged;
    } catch {
      return notJudged;
    }
  }
}

async function startGpgv(signers: readonly Signer[]): Promise<Gpgv | undefined> {
  const program = findGpgv();
  if (program === undefined) return undefined;
  const weak: string[] = [];
  for (const { bytes } of signers.flatMap(({ openpgp }) => openpgp)) {
    const key = await readPublicKey(bytes);
    if (key !== undefined) weak.push(...weakPartsOf(key));
  }
  try {
    return new Gpgv(program, signers, weak);
  } catch {
    // Nothing can be judged then; the refusals say so.
    return undefined;
  }
}

const port = parentPort;
if (port === null) throw new Error('this is a thread of the listener, and runs nowhere else');
const signatory = new Signatory(answer => port.postMessage(answer));
port.on('message', (order: Order) => signatory.obey(order));
port.postMessage({ say: 'ready' } satisfies Ready);
