/** An authority of a test, run as people run it, and the real openssl to see what it made. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { ProgramOptions, Scope } from '../../e2e/harness/program.js';
import { type Said, User } from '../program.js';

/** What `list --json` says of a certificate. */
export interface Listed {
  readonly name: string;
  readonly serial: string;
  readonly kind: string;
  readonly rights: readonly string[];
  readonly until: string;
  readonly state: string;
  readonly revoked?: string;
}

export const password = 'a password of the test';

export const noOpenssl = spawnSync('openssl', ['version']).error !== undefined && 'not installed: openssl';

export class Authority {
  readonly user: User;
  readonly path: string;

  constructor(scope: Scope, user = new User(scope)) {
    this.user = user;
    this.path = `${this.user.folder}/authority`;
  }

  /** Runs one command of it to its end. */
  run(words: string, options: ProgramOptions = {}): Promise<Said> {
    const env = { PORTKNOCK_PASSWORD: password, ...options.env };
    return this.user.run(['ca', ...words.split(' '), '--directory', this.path], { ...options, env });
  }

  /** The same, of what must succeed. @returns what it said on standard output */
  async do(words: string, options: ProgramOptions = {}): Promise<string> {
    const { status, stdout, stderr } = await this.run(words, options);
    assert.equal(status, 0, `${words}: ${stderr}`);
    return stdout;
  }

  async list(): Promise<Listed[]> {
    return JSON.parse(await this.do('list --json')) as Listed[];
  }

  /** The certificate of a name: the path of its record. */
  async record(name: string): Promise<string> {
    const found = (await this.list()).findLast(issue => issue.name === name);
    assert.ok(found !== undefined, name);
    return `${this.path}/issued/${found.serial}.pem`;
  }

  read(path: string): string {
    return readFileSync(`${this.path}/${path}`, 'utf8');
  }

  /** Every file of it, sorted. */
  files(): string[] {
    const entries = readdirSync(this.path, { recursive: true, withFileTypes: true });
    return entries
      .filter(entry => entry.isFile())
      .map(entry => `${entry.parentPath}/${entry.name}`.slice(this.path.length + 1))
      .sort();
  }

  /** Runs openssl in its folder. @returns its output; it throws where openssl fails */
  openssl(words: string): string {
    return execFileSync('openssl', words.split(' '), { cwd: this.path, encoding: 'utf8', stdio: 'pipe' });
  }

  /** The number of its list. */
  listNumber(): bigint {
    const [, digits] = /^crlNumber=(?:0x)?([0-9A-F]+)$/m.exec(
      this.openssl('crl -in crl.pem -noout -crlnumber'),
    )!;
    return BigInt(`0x${digits}`);
  }
}
