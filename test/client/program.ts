/** The client as users run it, with a home and keys of the test's own. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import {
  formatProfile,
  type PortSequenceProfile,
  type Profile,
  type ProfileDoor,
} from '../../src/system/profile.js';
import { temporaryFolder, writeSecret } from '../e2e/harness/folder.js';
import { Program, type ProgramOptions, type Scope } from '../e2e/harness/program.js';

export const clientPath = fileURLToPath(new URL('../../src/client/portknock.cjs', import.meta.url));

/** What a run of the client said, and how it ended. */
export interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A user of the client. */
export class User {
  readonly folder: string;
  readonly siteKey = randomBytes(32);
  readonly key = randomBytes(32);
  readonly environment: { readonly XDG_CONFIG_HOME: string; readonly XDG_STATE_HOME: string };
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
    this.folder = temporaryFolder(scope, 'user');
    this.environment = { XDG_CONFIG_HOME: `${this.folder}/config`, XDG_STATE_HOME: `${this.folder}/state` };
  }

  /** Runs the client to its end. */
  async run(argv: readonly string[], options: ProgramOptions = {}): Promise<Said> {
    const environment = { env: { ...this.environment, ...options.env } };
    const program = new Program(this.#scope, process.execPath, [clientPath, ...argv], {
      input: '',
      ...options,
      ...environment,
    });
    return said(program);
  }

  /** The options that say who knocks. */
  identity(): string[] {
    const siteKeyFile = writeSecret(this.folder, 'site.key', this.siteKey.toString('hex'));
    const keyFile = writeSecret(this.folder, 'client.key', this.key.toString('hex'));
    return ['--client-id', '7', '--site-key-file', siteKeyFile, '--key-file', keyFile];
  }

  /** A profile with this user's keys. */
  profile(
    host: string | undefined,
    doors: Readonly<Record<string, Partial<ProfileDoor>>>,
  ): PortSequenceProfile {
    const { siteKey, key } = this;
    return {
      name: 'home',
      host,
      method: 'port-sequence',
      basePort: 40000,
      spelling: 'ordered',
      identity: { clientId: 7, siteKey, key, address: 'auto' },
      doors: new Map(
        Object.entries(doors).map(([name, door]) => [
          name,
          { command: 1, services: [], singleUse: false, ...door },
        ]),
      ),
    };
  }

  /** Imports a profile as the user would. */
  async import(profile: Profile): Promise<void> {
    const { status, stderr } = await this.run(['import', '-', '--force'], { input: formatProfile(profile) });
    if (status !== 0) throw new Error(stderr);
  }
}

/** Waits for the end of a program and takes what it said. */
export async function said(program: Program): Promise<Said> {
  const { status } = await program.end(30_000);
  return { status, stdout: program.stdout, stderr: program.stderr };
}
