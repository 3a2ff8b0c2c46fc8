/** Signatures by `ssh-keygen -Y sign`, which reads the private key, and asks at the terminal for what it needs. */
import { errorCode } from '../../system/error.js';
import { lastWords, type Ran, run } from './program.js';
import { notSigned } from './signer.js';

/** @returns the signature without its armour @throws KnockError `not-signed`; the signal's reason */
export async function signByKeygen(
  path: string,
  { namespace, text }: { readonly namespace: string; readonly text: Uint8Array },
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const ran = await runKeygen(['-Y', 'sign', '-n', namespace, '-f', path], text, signal);
  const armour = /-----BEGIN SSH SIGNATURE-----([A-Za-z0-9+/=\s]+)-----END SSH SIGNATURE-----/;
  const [, base64] = armour.exec(ran.stdout.toString('latin1')) ?? [];
  if (ran.status === 0 && base64 !== undefined) return new Uint8Array(Buffer.from(base64, 'base64'));
  throw refusal(path, ran);
}

async function runKeygen(
  args: readonly string[],
  input: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Ran> {
  try {
    return await run('ssh-keygen', args, { input, signal });
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw notSigned('ssh-keygen is not installed', 'apt install openssh-client');
  }
}

function refusal(path: string, { status, stderr }: Ran): Error {
  const words = lastWords(stderr);
  const why = words === '' ? `it ended with status ${status ?? 'none'}` : words;
  const isOld = /(?:unknown|illegal|invalid) option/.test(stderr);
  const isLocked = /passphrase/.test(stderr);
  const hint = isOld
    ? 'it needs OpenSSH 8.1 or later'
    : isLocked
      ? 'give the right passphrase at the terminal, or add the key to ssh-agent: ssh-add'
      : undefined;
  return notSigned(`ssh-keygen did not sign with ${path}: ${why}`, hint);
}
