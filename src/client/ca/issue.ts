/** `portknock ca init`, `issue` and `server`: what the authority makes, and for whom. */
import type { KeyObject } from 'node:crypto';
import { parseRight, type Right } from '../../methods/datagram/rights.js';
import { OperatorError } from '../../system/error.js';
import type { ClientOptions } from '../invocation.js';
import { certificatePath, keyPath, newListFile, readSigner, requireOutlived, tellList } from './authority.js';
import { type Issued, issue, makeAuthority, newKey, type Signer } from './certificate.js';
import { writeContainer } from './container.js';
import { daysArgument } from './days.js';
import type { AuthorityFolder, NewFile } from './folder.js';
import { makeProfile } from './handout.js';
import { isPasswordGiven, newPassword } from './password.js';
import { encodePem } from './pem.js';
import { type Issue, inDate, readIssues, recordPath, rightsText } from './records.js';
import { dayText, hint, tell, warn } from './told.js';

/** What a command works with. */
export interface Work {
  readonly folder: AuthorityFolder;
  readonly options: ClientOptions;
  readonly now: number;
}

/** The days that a list is good for, where nobody says otherwise. */
export const usualListDays = 30;

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

/** Makes an authority. @throws OperatorError */
export async function init({ folder, options, now }: Work): Promise<void> {
  const name = options.name ?? 'portknock CA';
  if (!/^[\x20-\x7e]{1,64}$/.test(name)) {
    throw new OperatorError('usage', '--name expected 1 to 64 characters of ASCII', {});
  }
  const days = daysArgument(options.days, 3650);
  if (folder.has(certificatePath) || folder.has(keyPath)) {
    throw new OperatorError('authority-exists', `there is a CA in ${folder.path} already`, {
      hint: 'for another one: --directory FOLDER',
    });
  }
  const key = newKey();
  const certificate = await makeAuthority({ kind: 'authority', name, days, rights: [] }, key, now);
  const list = await newListFile(folder, { key, certificate }, { days: usualListDays, now });
  folder.commit([
    { path: keyPath, contents: keyText(key), isSecret: true },
    { path: certificatePath, contents: encodePem(certificate, 'CERTIFICATE'), isSecret: false },
    { ...list, replaces: false },
  ]);
  tell(`made the CA "${name}", in date for ${days} days`);
  tell(`${folder.place(keyPath)}: secret; whoever has it can let in anybody: keep a copy offline`);
  tell(`${folder.place(certificatePath)}: for the servers (ca_file)`);
  tellList(folder, list.until);
  hint('next: portknock ca server NAME, then portknock ca issue NAME --right tcp/22');
}

/** Issues a certificate for a client. @throws OperatorError */
export async function issueClient({ folder, options, now }: Work, name: string): Promise<void> {
  const signer = readSigner(folder);
  const rights = readRights(options.right);
  const days = daysArgument(options.days, 365);
  requireName(name);
  requireOutlived(signer.until, days, now);
  const issues = readIssues(folder);
  requireNone(inDate(issues, name, now), options.force);
  const handout = makeProfile(issues, { name, rights, options, now });
  const paths = { pfx: `${name}.pfx`, profile: `${name}.json` };
  folder.requireFree([paths.pfx, ...(handout === undefined ? [] : [paths.profile])]);
  const password = await newPassword(options.passwordFile, paths.pfx);
  const made = await issue({ kind: 'client', name, days, rights }, signer, now);
  folder.commit([
    record(made),
    { path: paths.pfx, contents: container(name, made, signer, password), isSecret: true },
    ...(handout === undefined
      ? []
      : [{ path: paths.profile, contents: handout.write(made), isSecret: true }]),
  ]);
  tellIssued(name, made, days, now);
  const profile = handout === undefined ? '' : ', or the profile instead';
  tell(`${folder.place(paths.pfx)}: secret, for the client, and its password by another way${profile}`);
  if (handout === undefined) return;
  tell(
    `${folder.place(paths.profile)}: secret, with the key under no password; for the client: portknock import ${paths.profile}`,
  );
  if (handout.server !== undefined) {
    tell(`${folder.place(`server-${handout.server}.cer`)}: for the client, where it uses ${paths.pfx}`);
  }
}

/** Issues a certificate for a server. @throws OperatorError */
export async function issueServer({ folder, options, now }: Work, name: string): Promise<void> {
  const signer = readSigner(folder);
  const days = daysArgument(options.days, 365);
  requireName(name);
  requireOutlived(signer.until, days, now);
  requireNone(inDate(readIssues(folder), name, now), options.force);
  const base = `server-${name}`;
  const withContainer = isPasswordGiven(options.passwordFile);
  const endings = ['key', 'pem', 'cer', ...(withContainer ? ['pfx'] : [])];
  folder.requireFree(endings.map(ending => `${base}.${ending}`));
  const password = withContainer ? await newPassword(options.passwordFile, `${base}.pfx`) : undefined;
  const made = await issue({ kind: 'server', name, days, rights: [] }, signer, now);
  const files: NewFile[] = [
    record(made),
    { path: `${base}.key`, contents: keyText(made.key), isSecret: true },
    { path: `${base}.pem`, contents: encodePem(made.certificate, 'CERTIFICATE'), isSecret: false },
    { path: `${base}.cer`, contents: made.certificate, isSecret: false },
  ];
  if (password !== undefined) {
    const contents = container(name, made, signer, password);
    files.push({ path: `${base}.pfx`, contents, isSecret: true });
  }
  folder.commit(files);
  tellIssued(name, made, days, now);
  tell(`${folder.place(`${base}.key`)}: secret, for the server (server_key_file)`);
  tell(`${folder.place(`${base}.pem`)}: for the server (server_certificate_file)`);
  tell(`${folder.place(`${base}.cer`)}: the same for clients (--server-certificate)`);
  if (withContainer) tell(`${folder.place(`${base}.pfx`)}: secret; both in one, for servers that want it so`);
  hint(`the server needs ${folder.place(certificatePath)} and ${folder.place('crl.pem')} too`);
}

function keyText(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function record({ serial, certificate }: Issued): NewFile {
  return { path: recordPath(serial), contents: encodePem(certificate, 'CERTIFICATE'), isSecret: false };
}

function container(name: string, { key, certificate }: Issued, signer: Signer, password: string): Uint8Array {
  return writeContainer({ name, key, certificate, authority: signer.certificate }, password);
}

function tellIssued(name: string, { serial, certificate }: Issued, days: number, now: number): void {
  const rights = rightsText(certificate);
  const until = dayText(now + days * 86_400_000);
  tell(`issued ${name}${rights === '' ? '' : ` for ${rights}`}, in date until ${until}, serial ${serial}`);
}

function requireName(name: string): void {
  if (namePattern.test(name)) return;
  throw new OperatorError('usage', `NAME expected letters, digits, ".", "_" and "-", got "${name}"`, {
    hint: 'at most 32 of them, the first a letter or a digit',
  });
}

function requireNone(issues: readonly Issue[], isForced: boolean): void {
  const last = issues.at(-1);
  if (last === undefined) return;
  const { name, serial, until } = last;
  if (isForced) {
    warn(`"${name}" has another certificate in date, serial ${serial}: revoke it when the new one is in use`);
    return;
  }
  throw new OperatorError(
    'name-taken',
    `"${name}" has a certificate in date until ${dayText(until)} (serial ${serial})`,
    {
      hint: `to renew it: move its files away, --force issues another, then portknock ca revoke ${serial}`,
    },
  );
}

/** @throws OperatorError `usage` */
function readRights(texts: readonly string[]): Right[] {
  if (texts.length === 0) {
    throw new OperatorError('usage', 'no --right: the certificate would let in nobody', {
      hint: 'such as --right tcp/22, --right udp/8000-8100 or --right door/web; several may be given',
    });
  }
  return [...new Set(texts)].map(text => {
    const right = parseRight(text);
    if (right !== undefined) return right;
    throw new OperatorError(
      'usage',
      `--right expected such as tcp/22, udp/8000-8100 or door/web, got "${text}"`,
    );
  });
}
