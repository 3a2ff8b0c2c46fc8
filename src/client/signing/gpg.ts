/**
 * Signatures by the user's own gpg: its agent, its smart cards and its pinentry. What went wrong is decided by the codes
 * of its status lines (doc/DETAILS of GnuPG), which no language changes, and told in its own words.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { errorCode } from '../../system/error.js';
import type { KnockError } from '../failure.js';
import { notSigned, type OpenedKey, type Tell } from './key.js';
import { lastWords, type Ran, run } from './program.js';

/** Before a person is told what is waited for. */
const patienceMs = 2000;

/** A key as --local-user takes it. */
export function openGpg(user: string, tell: Tell): OpenedKey {
  return {
    name: `gpg as "${user}"`,
    asks: 'itself',
    sign: async (text, signal) => ({ kind: 'openpgp', signature: await sign(user, text, tell, signal) }),
  };
}

async function sign(
  user: string,
  text: Uint8Array,
  tell: Tell,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const args = [
    // Without it gpg asks at the terminal itself, where its configuration wants that (pinentry-mode loopback).
    ...(hasTerminal() ? [] : ['--batch']),
    ...['--no-textmode', '--no-armor', '--digest-algo', 'SHA256', '--status-fd', '3'],
    ...['--local-user', user, '--output', '-', '--detach-sign'],
  ];
  // Of a touch that a card waits for gpg says nothing.
  const wait = () => tell.say('waiting for gpg to sign; the card or the key may have to be touched');
  const waiting = setTimeout(wait, patienceMs);
  const onReport = (report: string) => {
    const asking = /^\[GNUPG:\] (PINENTRY_LAUNCHED|CARDCTRL|NEED_PASSPHRASE) /m.exec(report);
    if (asking === null) return;
    clearTimeout(waiting);
    // The last is for a question of its own at the terminal.
    if (asking[1] !== 'NEED_PASSPHRASE') tell.say('gpg asks for a passphrase, a PIN or a touch of the key');
  };
  try {
    const ran = await runGpg(args, { input: text, environment: withTerminal(), signal, onReport });
    const created = /^\[GNUPG:\] SIG_CREATED D (?:\S+ ){4}([0-9A-F]+)/m.exec(ran.report);
    if (ran.status !== 0 || created === null || ran.stdout.length === 0) throw refusal(user, ran);
    tell.note(`gpg signed with the key ${created[1]}`);
    return ran.stdout;
  } finally {
    clearTimeout(waiting);
  }
}

async function runGpg(args: readonly string[], options: Parameters<typeof run>[2]): Promise<Ran> {
  try {
    return await run('gpg', args, options);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw notSigned(
      'gpg is not installed',
      'apt install gnupg, or sign with a key file (--key-file) or with an SSH key (--ssh)',
    );
  }
}

/** Whether there is a terminal at which gpg can ask: that of the session, whatever standard input and output are. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r+'));
    return true;
  } catch {
    return false;
  }
}

/** What pinentry needs to ask at this terminal: the agent has none of its own. */
function withTerminal(): NodeJS.ProcessEnv {
  if (process.env['GPG_TTY'] !== undefined || process.platform === 'win32') return process.env;
  const fd = [0, 2, 1].find(fd => isatty(fd));
  if (fd === undefined) return process.env;
  try {
    const terminal = execFileSync('tty', { stdio: [fd, 'pipe', 'ignore'] });
    return { ...process.env, GPG_TTY: terminal.toString().trim() };
  } catch {
    return process.env;
  }
}

const listing = 'see what there is: gpg --list-secret-keys';

const withoutTerminal =
  'gpg.conf says pinentry-mode loopback, and there is no terminal to ask at: take it out, so that gpg-agent asks';

/** By the codes of libgpg-error. */
const hints: ReadonlyMap<number, string> = new Map([
  [9, listing],
  [11, 'the passphrase or the PIN was wrong'],
  [17, listing],
  [54, listing],
  [62, 'pinentry was not answered in time'],
  [77, 'gpg-agent could not be reached: gpgconf --launch gpg-agent'],
  [85, 'install a pinentry, such as: apt install pinentry-curses'],
  [86, 'pinentry failed; try it with: gpg --clear-sign'],
  [99, 'the question for the passphrase or the PIN was cancelled'],
  [112, 'plug in the card or the key'],
  [198, 'the question for the passphrase or the PIN was cancelled'],
  // ENOTTY, a code of the system's.
  [32_870, 'pinentry has no terminal to ask at: export GPG_TTY=$(tty), or use a graphical pinentry'],
]);

function refusal(user: string, { status, stderr, report }: Ran): KnockError {
  const invalid = /^\[GNUPG:\] INV_SGNR (\d+)/m.exec(report);
  const failure = /^\[GNUPG:\] FAILURE sign (\d+)/m.exec(report);
  // Above the lower sixteen bits is which part of GnuPG said so.
  const code = failure === null ? undefined : Number(failure[1]) & 0xffff;
  const words = lastWords(stderr);
  const why =
    status === 0
      ? 'what it made is no detached signature; see gpg.conf'
      : words || `it ended with status ${status ?? 'none'}`;
  const isUnasked = code === undefined && /^\[GNUPG:\] NEED_PASSPHRASE /m.test(report);
  const hint = isUnasked
    ? withoutTerminal
    : (hints.get(code ?? -1) ?? (invalid === null ? undefined : listing));
  return notSigned(`gpg did not sign as "${user}": ${why}`, hint);
}
