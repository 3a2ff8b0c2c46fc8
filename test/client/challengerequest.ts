/** Challenges that the library composes answers to, from a server of the test's own. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, type TestContext } from 'node:test';
import { type ChallengeSetting, challenge } from '../../src/client/challenge.js';
import type { ChallengeRequest } from '../../src/client/request.js';
import { type ChallengeSignature, KnockError, type SignText } from '../../src/index.js';
import { temporaryFolder } from '../e2e/harness/folder.js';
import { ChallengeServer, type ServerOptions } from './challengeserver.js';
import { makeSshKey, publicLine } from './sshagent.js';

const folder = temporaryFolder({ after }, 'k');
export const key = makeSshKey(`${folder}/key`);
export const siteKey = randomBytes(32);
export const ipv4 = { family: 4, address: '127.0.0.1' } as const;
export const ipv6 = { family: 6, address: '::1' } as const;
/** Long enough for a server on this machine, and no longer than it need be. */
export const quick = { pausesMs: [150, 150, 150, 150], othersMs: 100, mostExamined: 100 };
/** Where nothing may be given up before its time. */
export const patient = { pausesMs: [300_000], othersMs: 300_000, mostExamined: 100 };

export function serve(t: TestContext, options: ServerOptions = {}): Promise<ChallengeServer> {
  return ChallengeServer.open(t, { ssh: [publicLine(key)] }, { siteKey, ...options });
}

export function request(
  { port }: { readonly port: number },
  more: Partial<ChallengeRequest> = {},
): ChallengeRequest {
  return { method: 'challenge', port, siteKey, door: 'ssh', sign: { ssh: key }, ...more };
}

/** Signs whatever, and counts. */
export function signing(before: () => Promise<void> | void = () => {}): SignText & { texts: string[] } {
  const texts: string[] = [];
  const sign = async (text: Uint8Array): Promise<ChallengeSignature> => {
    texts.push(Buffer.from(text).toString());
    await before();
    return { kind: 'ssh', signature: new Uint8Array(64).fill(7) };
  };
  return Object.assign(sign, { texts });
}

export async function compose(
  request: ChallengeRequest,
  setting: Partial<ChallengeSetting> = {},
  targets: readonly (typeof ipv4 | typeof ipv6)[] = [ipv4],
) {
  const warnings: string[] = [];
  const compositions = await challenge(request, { limits: quick, ...setting }).compose(targets, warning =>
    warnings.push(warning),
  );
  return { compositions, warnings };
}

export function noAnswer(error: unknown): boolean {
  assert(error instanceof KnockError);
  assert.equal(error.code, 'no-answer');
  assert.match(error.message, /^no answer from 127\.0\.0\.1, UDP port \d+$/);
  assert.match(
    error.hint!,
    /--port, the site key, the name of the door and the clocks \(here it is 20\S+Z\); on the server: portknockd status/,
  );
  return true;
}

/** Time that passes when the test says so, for what is not waited for. */
export function ownTime(t: TestContext): { pass: (ms: number) => void } {
  let ahead = 0;
  const { now } = performance;
  t.mock.method(performance, 'now', () => now.call(performance) + ahead);
  return {
    pass: ms => {
      ahead += ms;
    },
  };
}
