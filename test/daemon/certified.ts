/** Authorities, certificates and lists for tests, made by the real openssl. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const configuration = `[ca]
default_ca = it
[it]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
default_days = 3650
default_crl_days = 3650
crlnumber = number
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[noLists]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[indirect]
issuingDistributionPoint = critical,@points
[points]
fullname = URI:http://lists.example/
indirectCRL = TRUE
[partial]
issuingDistributionPoint = critical,@some
[some]
fullname = URI:http://lists.example/
onlyuser = TRUE
[delta]
deltaCRL = critical,ASN1:INTEGER:1
[quietDelta]
2.5.29.27 = ASN1:INTEGER:1
[unknown]
1.2.3.4 = critical,ASN1:NULL
`;

interface Dates {
  /** `-startdate` and `-enddate` or `-crl_lastupdate` and `-crl_nextupdate` of openssl: YYYYMMDDHHMMSSZ. */
  readonly from?: string;
  readonly to?: string;
}

interface AuthoritySettings {
  /** The section that says what it may sign. */
  readonly extensions?: string;
  /** Signs it; by default it does itself. */
  readonly parent?: Authority;
  /** Of its key, or `rsa`. */
  readonly curve?: string;
}

interface LeafSettings {
  /** In hexadecimal, two digits a byte. */
  readonly serial?: string;
  readonly curve?: string;
  /** What openssl calls subjectAltName. */
  readonly alternative?: string;
}

/** A folder in which openssl keeps one authority: `ca.pem`, `ca.key`. It is there until the process ends. */
export class Authority {
  readonly folder: string;

  constructor(
    name: string,
    { extensions = 'authority', parent, curve, ...dates }: Dates & AuthoritySettings = {},
  ) {
    this.folder = mkdtempSync(join(tmpdir(), 'portknock-authority-'));
    process.on('exit', () => rmSync(this.folder, { recursive: true, force: true }));
    this.#write('openssl.cnf', configuration);
    this.#write('index.txt', '');
    this.#write('serial', '01\n');
    this.#write('number', '01\n');
    this.#key('ca', curve);
    this.#request('ca', name);
    if (parent === undefined) {
      this.#run('ca', '-selfsign', '-keyfile', 'ca.key', ...this.#issue('ca', extensions, dates));
    } else {
      writeFileSync(join(parent.folder, 'sub.csr'), this.read('ca.csr'));
      parent.#run('ca', '-keyfile', 'ca.key', '-cert', 'ca.pem', ...parent.#issue('sub', extensions, dates));
      this.#write('ca.pem', parent.read('sub.pem'));
    }
  }

  /** The path of one of its files. */
  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  /** A certificate `NAME.pem` with its key `NAME.key`. */
  issue(name: string, { serial, curve, alternative, ...dates }: Dates & LeafSettings = {}): Buffer {
    if (serial !== undefined) this.#write('serial', `${serial}\n`);
    this.#key(name, curve);
    this.#request(name, name);
    this.#write('extensions', alternative === undefined ? '' : `subjectAltName=${alternative}\n`);
    const more = alternative === undefined ? [] : ['-extfile', 'extensions'];
    this.#run('ca', '-keyfile', 'ca.key', '-cert', 'ca.pem', ...this.#issue(name, undefined, dates), ...more);
    return this.read(`${name}.pem`);
  }

  revoke(name: string): void {
    this.#run('ca', '-keyfile', 'ca.key', '-cert', 'ca.pem', '-revoke', `${name}.pem`);
  }

  /** As if these had been revoked, without a certificate of each. @param serials in hexadecimal */
  revokeSerials(serials: readonly string[]): void {
    const lines = serials.map(
      serial => `R\t360101000000Z\t260101000000Z\t${serial.toUpperCase()}\tunknown\t/CN=x\n`,
    );
    writeFileSync(this.path('index.txt'), lines.join(''), { flag: 'a' });
  }

  /** Its list of the revoked, in PEM. @param extensions the section of what more it says */
  list({ extensions, from, to }: Dates & { extensions?: string } = {}): Buffer {
    const more = [
      ...(extensions === undefined ? [] : ['-crlexts', extensions]),
      ...(from === undefined ? [] : ['-crl_lastupdate', from]),
      ...(to === undefined ? [] : ['-crl_nextupdate', to]),
    ];
    this.#run('ca', '-keyfile', 'ca.key', '-cert', 'ca.pem', '-gencrl', '-out', 'crl.pem', ...more);
    return this.read('crl.pem');
  }

  /** What openssl prints with these arguments, in its folder. */
  run(command: string, ...argv: string[]): Buffer {
    return this.#run(command, ...argv);
  }

  #key(name: string, curve = 'prime256v1'): void {
    if (curve === 'rsa') return void this.#run('genrsa', '-out', `${name}.key`, '2048');
    this.#run('ecparam', '-genkey', '-noout', '-name', curve, '-out', `${name}.sec1`);
    this.#run('pkcs8', '-topk8', '-nocrypt', '-in', `${name}.sec1`, '-out', `${name}.key`);
  }

  #request(name: string, subject: string): void {
    this.#run('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${subject}`, '-out', `${name}.csr`);
  }

  #issue(name: string, extensions: string | undefined, { from, to }: Dates): string[] {
    return [
      ...['-batch', '-notext', '-in', `${name}.csr`, '-out', `${name}.pem`],
      ...(extensions === undefined ? [] : ['-extensions', extensions]),
      ...(from === undefined ? [] : ['-startdate', from]),
      ...(to === undefined ? [] : ['-enddate', to]),
    ];
  }

  #write(name: string, text: string | Buffer): void {
    writeFileSync(join(this.folder, name), text);
  }

  #run(command: string, ...argv: string[]): Buffer {
    const needsConfiguration = command === 'ca' || command === 'req';
    return execFileSync(
      'openssl',
      [command, ...(needsConfiguration ? ['-config', 'openssl.cnf'] : []), ...argv],
      {
        cwd: this.folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 20_000,
      },
    );
  }
}

/** PEM → DER. */
export function der(pem: Buffer): Buffer {
  return Buffer.from(pem.toString().replace(/-----[^-]*-----|\s/g, ''), 'base64');
}
