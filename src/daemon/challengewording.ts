/** What the monitor says of hellos and responses that were refused: what it means, and what to do. */
import { constants } from 'node:os';
import { type Flaw, flawOf } from '../methods/challenge/flaws.js';
import { roughly } from '../system/duration.js';

const flawTexts: Readonly<Record<Flaw, string>> = {
  unreadable:
    'it was made with another site key than ours, or is damaged, or is noise; give the client the key in site_key_file',
  'not-ours':
    'it answers a challenge that was not made here, or one from before the last start; let the client try again',
  malformed:
    'its signature is no OpenPGP or SSH signature that we can read: it must be detached and binary, of SSH for the namespace "portknock"',
  'unknown-key':
    'the key that signed it is no client\'s; add it to "openpgp" (and the keyring) or to "ssh_keys" of the client, and reload',
  'bad-signature':
    'its signature is not one over this challenge by that key; see that the client has the right site (--site as "site" here) and key',
  'weak-signature':
    'its signature uses a digest or a key that is too weak (SHA-1 or MD5; RSA below 2048 bits), or is of a kind that we do not take; sign with SHA-256 or better',
  'key-expired':
    'the key that signed it, or its line in authorized_keys, was out of date; extend the key and put it into the keyring, or renew the line',
  'key-revoked':
    'the key that signed it was revoked by its owner; give the client another key, and take this one out',
  'not-touched':
    'its hardware key was not touched; touch it when it blinks, or allow that with no-touch-required in authorized_keys',
  'not-verified':
    'its hardware key asked for no PIN or finger, and verify-required stands in authorized_keys; make the key with ssh-keygen -O verify-required',
  'other-source': 'from= in authorized_keys does not let this key in from this address',
  'not-judged':
    'its signature could not be judged: the thread for that failed, which the log says, or gpgv (verify_with) could not be run, took longer than 5s, or has no room for its keyring (df /tmp); let the client try again',
};

const reasonTexts: Readonly<Record<string, string>> = {
  replayed:
    'it was heard before: a hello is answered once, and a challenge is good for one response; let the client try again if it is not in',
  'unknown-command': 'no door has this name',
  'wrong-address':
    'it came from another address than its challenge went to: a NAT with several addresses, or somebody else has sent it',
  'unknown-client': 'no client has the key that signed it',
  'not-allowed': 'the door is not in "doors" of this client',
  revoked: 'this client has revoked = true',
  'not-recorded':
    'the file "datagrams" in the state directory cannot be written (disk full or read-only?), or all of it is needed for younger ones',
};

/** What may be behind a refusal. @param detail as in a refusal of that method */
export function explainChallenge(reason: string, detail: number): string {
  if (reason === 'stale') return `: ${explainStale(detail)}`;
  if (reason === 'timed-out') return `: ${explainLate(detail)}`;
  const flaw = flawOf(reason, detail);
  const text = flaw === undefined ? reasonTexts[reason] : flawTexts[flaw];
  return text === undefined ? '' : `: ${text}`;
}

function explainStale(behindMs: number): string {
  const span = `${roughly(Math.abs(behindMs))} ${behindMs > 0 ? 'behind' : 'ahead of'} ours`;
  return `its clock is ${span}, or it is an old hello, or from before the last start; set its clock`;
}

function explainLate(lateMs: number): string {
  if (lateMs < 0) return 'our clock was set back since its challenge was made; let the client try again';
  return `it came ${roughly(lateMs)} too late: a challenge is to be answered within 30s; let the client try again`;
}

/** @param trouble with the thread that judges signatures */
export function describeSignatory(trouble: 'signatory-hung' | 'signatory-died'): string {
  const what = trouble === 'signatory-hung' ? 'did not answer in time' : 'has ended';
  return `the thread that judges signatures ${what}; it is started again, and the response that it had is refused`;
}

const sendHints: ReadonlyMap<number, string> = new Map([
  [
    constants.errno.EPERM,
    'EPERM: a rule for what goes out forbids it, or IPAddressDeny= in the unit (see portknockd.service.d); let UDP from the port of [challenge] out',
  ],
  [constants.errno.EAGAIN, 'EAGAIN: more is being sent than the network takes'],
  [constants.errno.ENETUNREACH, 'ENETUNREACH: there is no route to who asked'],
  [constants.errno.EHOSTUNREACH, 'EHOSTUNREACH: there is no way to who asked'],
]);

/** @param errno why it could not be sent */
export function describeUnsent(errno: number): string {
  const name = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0];
  return `a challenge could not be sent: ${sendHints.get(errno) ?? name ?? `errno ${errno}`}`;
}
