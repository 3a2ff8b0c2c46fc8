/** A server whose challenges a user of the client answers, and whether that opens. */
import assert from 'node:assert/strict';
import type { Scope } from '../e2e/harness/program.js';
import { ChallengeServer, type Keys } from './challengeserver.js';
import type { Said, User } from './program.js';

type Environment = Readonly<Record<string, string>>;

export class SigningSite {
  readonly server: ChallengeServer;
  readonly #env: Environment;

  private constructor(server: ChallengeServer, env: Environment) {
    this.server = server;
    this.#env = env;
  }

  /** @param env of its users, who have no agent of whoever runs the tests */
  static async open(scope: Scope, keys: Keys, env: Environment = {}): Promise<SigningSite> {
    const server = await ChallengeServer.open(scope, keys, { name: 'test' });
    return new SigningSite(server, { SSH_AUTH_SOCK: '', GPG_TTY: '', ...env });
  }

  /** The command line for what answers a challenge. */
  argv(...key: readonly string[]): string[] {
    const { port } = this.server;
    return ['challenge', '127.0.0.1', 'ssh', '--port', String(port), '--site', 'test', ...key];
  }

  /** Answers a challenge, and opens the door. */
  async opens(user: User, key: readonly string[], env: Environment = {}): Promise<Said> {
    const before = this.server.knocks.length;
    const said = await user.run(this.argv(...key), { env: { ...this.#env, ...env } });
    assert.equal(said.status, 0, said.stderr);
    await this.server.first(before + 1);
    return said;
  }

  /** Sends no response, and says why. */
  async refuses(
    user: User,
    key: readonly string[],
    expected: readonly RegExp[],
    env: Environment = {},
  ): Promise<void> {
    const before = this.server.responses.length;
    const { status, stderr } = await user.run(this.argv(...key), { env: { ...this.#env, ...env } });
    assert.equal(status, 1, stderr);
    for (const each of expected) assert.match(stderr, each);
    assert.equal(this.server.responses.length, before);
  }
}
