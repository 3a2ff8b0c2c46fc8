/**
 * The table [datagram] of portknockd.toml → who may send datagrams, with what they are sealed, and where lists of revoked
 * certificates come from. What is in a list is not looked at here: src/daemon/revocation.ts has another process do that.
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isP256 } from '../crypto/agreement.js';
import { hasClientsPurpose } from '../crypto/certificate.js';
import { isWeaklySigned, strangeExtension } from '../crypto/strength.js';
import { errorCode, OperatorError } from '../system/error.js';
import { readPfx } from '../system/pfx.js';
import { readPassphraseFile, readSecretBytes } from '../system/secret.js';
import {
  datesOf,
  dayOf,
  isEncrypted,
  isSignedBy,
  parseCertificates,
  parsePrivateKey,
  subjectOf,
} from './certificates.js';
import type { Capture, DatagramSettings, RevocationSettings } from './config.js';
import { ClientReader, type Doors } from './identities.js';
import type { Table } from './schema.js';

type Key = keyof Table<'datagram'>;

interface Server {
  readonly key: KeyObject;
  readonly certificate: X509Certificate;
}

const longestFile = 1 << 20;
/** As the lists that are fetched: daemon/revocation.ts. */
const longestList = 16 << 20;
/** Soon enough to be told every day, and late enough not to be used to it. */
const soonMs = 30 * 86_400_000;

export class DatagramReader extends ClientReader {
  /** Undefined where there is no such table, or it holds mistakes. */
  protected readDatagram(capture: Capture | undefined, doors: Doors): DatagramSettings | undefined {
    if (this.document.value['datagram'] === undefined) return undefined;
    const table = this.section('datagram');
    if (capture !== undefined && capture.from !== 'nflog') {
      this.#wrong(undefined, 'datagrams need [capture] from = "nflog", for their rule logs there');
    }
    if (table === undefined) return undefined;
    const authorities = this.#authorities(table.ca_file);
    const server = this.#server(table);
    const revocation = this.#revocation(table);
    if (authorities === undefined || server === undefined || revocation === undefined) return undefined;
    this.#warn(table, revocation, doors);
    return {
      authorities: authorities.map(({ raw }) => raw),
      serverKey: server.key.export({ format: 'der', type: 'pkcs8' }),
      serverCertificate: server.certificate.raw,
      skewMs: table.skew,
      openForMs: table.open_for,
      policy: table.policy,
      allowOtherAddress: table.allow_other_address,
      revocation,
    };
  }

  #wrong(key: Key | undefined, message: string, hint?: string): undefined {
    const path = key === undefined ? ['datagram'] : ['datagram', key];
    this.mistake(path, key === undefined ? `[datagram]: ${message}` : `datagram.${key}: ${message}`, hint);
  }

  /** The bytes of a file that anybody may read. */
  #read(key: Key, file: string, longest = longestFile): Buffer | undefined {
    const path = this.path(file);
    try {
      const bytes = readFileSync(path);
      return bytes.length <= longest ? bytes : this.#wrong(key, `${path}: has more than ${longest} bytes`);
    } catch (error) {
      const missing = errorCode(error) === 'ENOENT';
      return this.#wrong(
        key,
        `${path}: ${missing ? 'no such file' : `cannot be read (${errorCode(error)})`}`,
      );
    }
  }

  #certificates(key: Key, file: string): X509Certificate[] | undefined {
    const bytes = this.#read(key, file);
    if (bytes === undefined) return undefined;
    const certificates = parseCertificates(bytes);
    if (certificates !== undefined) return certificates;
    const hint = 'certificates are in PEM (-----BEGIN CERTIFICATE-----) or in DER';
    return this.#wrong(key, `${this.path(file)}: expected a certificate`, hint);
  }

  #authorities(file: string): X509Certificate[] | undefined {
    const all = this.#certificates('ca_file', file);
    if (all === undefined) return undefined;
    for (const certificate of all) {
      const subject = subjectOf(certificate);
      if (!certificate.ca) {
        const hint = 'only those who issue certificates belong here; its basic constraints would say CA:TRUE';
        return this.#wrong('ca_file', `${this.path(file)}: ${subject} is no certificate authority`, hint);
      }
      if (!leadsToRoot(certificate, all)) {
        const hint = 'add the certificates of its issuers, up to the one that is signed by itself';
        return this.#wrong('ca_file', `${this.path(file)}: ${subject} is signed by none that is here`, hint);
      }
      this.#warnOfDates('ca_file', certificate);
      this.#warnOfAuthority(certificate);
    }
    return all;
  }

  #server(table: Table<'datagram'>): Server | undefined {
    const { server_pfx_file: pfx, server_key_file: key, server_certificate_file: certificate } = table;
    if (pfx !== undefined) return this.#checkServer('server_pfx_file', this.#serverPfx(table, pfx));
    if (table.server_pfx_password_file !== undefined) {
      return this.#wrong('server_pfx_password_file', 'it goes with "server_pfx_file" only');
    }
    const hint = 'make both with: portknock ca server NAME; or name a "server_pfx_file"';
    if (key === undefined) return this.#wrong(undefined, '"server_key_file" is missing', hint);
    if (certificate === undefined)
      return this.#wrong(undefined, '"server_certificate_file" is missing', hint);
    return this.#checkServer('server_certificate_file', this.#serverFiles(key, certificate));
  }

  #serverFiles(keyFile: string, certificateFile: string): Server | undefined {
    const certificate = this.#certificates('server_certificate_file', certificateFile)?.[0];
    const path = this.path(keyFile);
    const place = this.place(['datagram', 'server_key_file']);
    const bytes = this.attempt(() => readSecretBytes(path, place, longestFile));
    if (bytes === undefined) return undefined;
    const key = parsePrivateKey(bytes);
    if (key !== undefined) return certificate && { key, certificate };
    const hint = isEncrypted(bytes)
      ? `take its password away: openssl pkey -in ${path} -out server.key; the file's mode guards it`
      : 'keys are in PEM (-----BEGIN PRIVATE KEY-----) or in DER';
    return this.#wrong('server_key_file', `${path}: expected a private key without a password`, hint);
  }

  #serverPfx(table: Table<'datagram'>, file: string): Server | undefined {
    for (const key of ['server_key_file', 'server_certificate_file'] as const) {
      if (table[key] !== undefined) return this.#wrong(key, 'it does not go with "server_pfx_file"');
    }
    const passwordFile = table.server_pfx_password_file;
    const place = (key: Key) => this.place(['datagram', key]);
    return this.attempt(() => {
      const bytes = readSecretBytes(this.path(file), place('server_pfx_file'), longestFile);
      const password =
        passwordFile === undefined
          ? ''
          : readPassphraseFile(this.path(passwordFile), place('server_pfx_password_file'));
      return this.#openPfx(this.path(file), bytes, password);
    });
  }

  #openPfx(path: string, bytes: Buffer, password: string): Server | undefined {
    try {
      const { key, certificate } = readPfx(bytes, password);
      const parsed = parsePrivateKey(Buffer.from(key));
      if (parsed === undefined)
        return this.#wrong('server_pfx_file', `${path}: its private key cannot be used`);
      return { key: parsed, certificate: new X509Certificate(certificate) };
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      return this.#wrong('server_pfx_file', `${path}: ${error.message}`, error.hint);
    }
  }

  #checkServer(key: Key, server: Server | undefined): Server | undefined {
    if (server === undefined) return undefined;
    const subject = subjectOf(server.certificate);
    if (!isP256(server.key)) {
      const hint = 'openssl ecparam -genkey -name prime256v1 makes such a key';
      return this.#wrong(key, `the key of ${subject} is not on the curve P-256, which datagrams need`, hint);
    }
    if (!server.certificate.checkPrivateKey(server.key)) {
      return this.#wrong(key, `${subject} is not the certificate of the private key`);
    }
    this.#warnOfDates(key, server.certificate);
    return server;
  }

  #revocation(table: Table<'datagram'>): RevocationSettings | undefined {
    const { crl_url: given, crl_file: file, crl_required: required, crl_refresh: refreshMs } = table;
    if (file === undefined && given === undefined) {
      if (required) return this.#wrong('crl_required', 'it goes with "crl_file" or "crl_url" only');
      return { file: undefined, url: undefined, refreshMs, required };
    }
    const isFile = given?.startsWith('file:') === true;
    if (isFile && file !== undefined) {
      return this.#wrong('crl_url', 'expected either a file here or "crl_file", got both');
    }
    const key = isFile ? 'crl_url' : 'crl_file';
    const path = isFile ? this.attempt(() => fileURLToPath(given)) : file && this.path(file);
    const url = isFile ? undefined : given;
    if (path === undefined) return { file: undefined, url, refreshMs, required };
    const bytes = this.#read(key, path, longestList);
    if (bytes === undefined) return undefined;
    if (isList(bytes)) return { file: { path, bytes }, url, refreshMs, required };
    return this.#wrong(key, `${path}: expected a list of revoked certificates`, listHint);
  }

  #warn(table: Table<'datagram'>, { file, url }: RevocationSettings, doors: Doors): void {
    if (file === undefined && url === undefined) {
      this.#unwise(
        undefined,
        'there is no "crl_file" and no "crl_url": a certificate is good until it expires',
      );
    }
    if (table.allow_other_address) {
      const text = 'whoever sees a datagram before it arrives may use it from his own address';
      this.#unwise('allow_other_address', text);
    }
    const isOpened = doors.some(({ door }) => door.kind === 'services' && door.datagram);
    if (!isOpened && table.policy === 'none') {
      this.#unwise(
        undefined,
        'nothing can be opened: no door takes datagrams, and policy = "none" guards no other port',
      );
    }
    if (table.policy === 'reject' && this.document.value['port_sequence'] !== undefined) {
      const text =
        'ports are refused now, and those of [port_sequence] stay silent, which shows where they are';
      this.#unwise('policy', text);
    }
  }

  #unwise(key: Key | undefined, text: string): void {
    const { line } = this.place(key === undefined ? ['datagram'] : ['datagram', key]);
    this.warnings.push(
      `${this.file}:${line}: ${key === undefined ? '[datagram]' : `datagram.${key}`}: ${text}`,
    );
  }

  /** What keeps those from opening anything whom it has issued certificates for. */
  #warnOfAuthority(certificate: X509Certificate): void {
    const strange = strangeExtension(certificate.raw);
    const flaws = [
      strange === undefined ? '' : `has the critical extension ${strange}, which is not known here`,
      hasClientsPurpose(certificate) ? '' : 'is not for clients: its extended key usage says otherwise',
      isWeaklySigned(certificate.raw) && !isSignedBy(certificate, certificate)
        ? 'is signed with MD5 or SHA-1, which others can forge'
        : '',
    ];
    const effect = 'certificates that it has issued open nothing';
    for (const flaw of flaws.filter(Boolean))
      this.#unwise('ca_file', `${subjectOf(certificate)} ${flaw}: ${effect}`);
  }

  #warnOfDates(key: Key, certificate: X509Certificate): void {
    const { from, to } = datesOf(certificate);
    const now = Date.now();
    const subject = subjectOf(certificate);
    const effect = key === 'ca_file' ? ': certificates that it has issued open nothing' : '';
    if (to < now) this.#unwise(key, `${subject} has expired on ${dayOf(to)}${effect}`);
    else if (from > now) this.#unwise(key, `${subject} is not good before ${dayOf(from)}`);
    else if (to < now + soonMs) this.#unwise(key, `${subject} expires on ${dayOf(to)}`);
  }
}

const listHint = 'lists are in PEM (-----BEGIN X509 CRL-----) or in DER; make one with: portknock ca crl';

/** Whether it looks like one; what is in it is for a process without privileges to find out. */
function isList(bytes: Buffer): boolean {
  return bytes[0] === 0x30 || bytes.includes('-----BEGIN X509 CRL-----');
}

function leadsToRoot(certificate: X509Certificate, all: readonly X509Certificate[]): boolean {
  const seen = new Set<X509Certificate>();
  const queue = [certificate];
  for (const next of queue) {
    if (isSignedBy(next, next)) return true;
    seen.add(next);
    queue.push(...all.filter(other => !seen.has(other) && !queue.includes(other) && isSignedBy(next, other)));
  }
  return false;
}
