/** Keys, certificates and PKCS #12 files as openssl makes them, in a folder of the test's own. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { temporaryFolder } from '../e2e/harness/folder.js';
import type { Scope } from '../e2e/harness/program.js';

/** What a certificate says beside its name. */
export interface Subject {
  /** A curve of openssl's, or `rsa`. */
  readonly curve?: string;
  /** Lines of the section of extensions (x509v3_config). */
  readonly extensions?: readonly string[];
  /** What it allows, as sKnock writes it: `1.2000,0.8000`. */
  readonly rights?: string;
  /** What it allows in our own extension: `tcp/8000-8100`. */
  readonly ownRights?: readonly string[];
  readonly days?: number;
  /** As faketime would have it: the dates of it, `YYYYMMDDHHMMSSZ`. */
  readonly dates?: readonly [start: string, end: string];
  /** The name of who signs it; by itself where there is none. */
  readonly by?: string;
}

/** Such an authority. */
export const authority: Subject = {
  extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'],
};
/** Such as sKnock's makefile makes of its clients. */
export const client: Subject = {
  by: 'ca',
  rights: '1.2000,0.8000',
  extensions: [
    'basicConstraints=CA:FALSE',
    'keyUsage=digitalSignature,keyAgreement',
    'extendedKeyUsage=clientAuth',
  ],
};
/** And of its servers. */
export const server: Subject = {
  by: 'ca',
  extensions: ['keyUsage=keyAgreement', 'extendedKeyUsage=serverAuth'],
};

/** The extension with rights of our own (PROTOCOL.md section 8.5). */
const rightsId = '2.25.216960764478568293933262447144336931113';

/** openssl, in a folder. */
export class Openssl {
  readonly folder: string;

  constructor(scope: Scope) {
    this.folder = temporaryFolder(scope, 'openssl');
  }

  run(...argv: readonly string[]): void {
    const env = { ...process.env, LC_ALL: 'C.UTF-8' };
    execFileSync('openssl', argv, { cwd: this.folder, stdio: 'pipe', timeout: 30_000, env });
  }

  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  /** Makes NAME.key and NAME.pem. */
  certificate(name: string, subject: Subject = {}): void {
    const { curve = 'P-256', days, dates, by } = subject;
    const algorithm =
      curve === 'rsa'
        ? ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']
        : ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`];
    this.run('genpkey', ...algorithm, '-out', `${name}.key`);
    const signer = by ?? name;
    writeFileSync(this.path(`${name}.cnf`), configurationOf(subject));
    writeFileSync(this.path('index.txt'), '');
    const config = ['-config', `${name}.cnf`];
    this.run('req', '-new', ...config, '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
    const signing = by === undefined ? ['-selfsign'] : ['-cert', `${signer}.pem`];
    const span =
      dates === undefined ? ['-days', String(days ?? 30)] : ['-startdate', dates[0], '-enddate', dates[1]];
    const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-keyfile', `${signer}.key`];
    this.run('ca', ...config, '-batch', '-notext', ...files, ...signing, '-extensions', 'x', ...span);
  }

  /** Makes FILE of NAME.key and NAME.pem. @param options such as `-legacy` */
  pfx(name: string, file: string, password: string, ...options: readonly string[]): string {
    const files = ['-inkey', `${name}.key`, '-in', `${name}.pem`, '-out', file];
    this.run('pkcs12', '-export', ...files, '-passout', `pass:${password}`, ...options);
    return this.path(file);
  }
}

function configurationOf({ extensions = [], rights, ownRights }: Subject): string {
  const authority = ['database=index.txt', 'new_certs_dir=.', 'policy=policy', 'default_md=sha256'];
  return [
    ...['[req]', 'distinguished_name=name', '[name]'],
    ...['[ca]', 'default_ca=authority', '[policy]', 'commonName=supplied'],
    ...['[authority]', ...authority, 'rand_serial=yes', 'unique_subject=no'],
    ...['[x]', ...extensions],
    // A value with a comma needs a section of its own.
    ...(rights === undefined ? [] : ['subjectAltName=@rights']),
    ...(ownRights === undefined ? [] : [`${rightsId}=ASN1:SEQUENCE:own`]),
    ...(rights === undefined ? [] : ['[rights]', `otherName.1=1.3.6.1.4.1.19518;UTF8:${rights}`]),
    ...(ownRights === undefined ? [] : ['[own]', ...ownRights.map((right, at) => `${at}=UTF8:${right}`)]),
    '',
  ].join('\n');
}
