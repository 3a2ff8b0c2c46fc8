/**
 * Signatures by the user's own gpg: its agent, its smart cards and its pinentry. What went wrong is decided by the codes
 * of its status lines (doc/DETAILS of GnuPG), which no language changes, and told in its own words.
 */
import { execFileSync } from 'node:child_process';
import { isatty } from 'node:tty';
import { errorCode } from '../../system/error.js';
import type { KnockError } from '../failure.js';
import { lastWords, type Ran, run } from './program.js';
import { notSigned, type OpenedKey, type Tell } from './signer.js';

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
    ...['--batch', '--no-textmode', '--no-armor', '--digest-algo', 'SHA256', '--status-fd', '3'],
    ...['--local-user', user, '--output', '-', '--detach-sign'],
  ];
  const onReport = (report: string) => {
    if (/^\[GNUPG:\] (?:PINENTRY_LAUNCHED|CARDCTRL) /m.test(report)) {
      tell.say('gpg asks for a passphrase, a PIN or a touch of the key');
    }
  };
  const ran = await runGpg(args, { input: text, environment: withTerminal(), signal, onReport });
  if (ran.status === 0 && /^\[GNUPG:\] SIG_CREATED D /m.test(ran.report) && ran.stdout.length > 0) {
    return ran.stdout;
  }
  throw refusal(user, ran);
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
  const why = words === '' ? `it ended with status ${status ?? 'none'}` : words;
  const hint = hints.get(code ?? -1) ?? (invalid === null ? undefined : listing);
  return notSigned(`gpg did not sign as "${user}": ${why}`, hint);
}
