/** Lines of authorized_keys, asked of the real sshd: a key that it does not let in answers no challenge either. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readAuthorizedKey } from '../../src/methods/challenge/authorized.js';
import { matchesOrigin } from '../../src/methods/challenge/origin.js';
import { parseAddress } from '../../src/net/address.js';
import { temporaryFolder } from './harness/folder.js';
import type { Host } from './harness/host.js';
import { missing } from './harness/isolation.js';
import { Network } from './harness/network.js';
import { SshServer } from './harness/ssh.js';

/** What stands before a key; ADDRESS is where it is used from. */
const both = [
  '',
  'no-pty ',
  'Agent-Forwarding,no-touch-required,verify-required ',
  'restrict,command="true \\"a, b\\"" ',
  'environment="A=b",permitopen="h:1",permitopen="[::1]:*",permitlisten="2",permitlisten="h:3",tunnel="0" ',
  'from="ADDRESS" ',
  'FROM="10.*,192.*,2001:*" ',
  'from="*,!ADDRESS" ',
  'from="!ADDRESS,*" ',
  'from="!198.51.100.7" ',
  'from="ADDRESS,ADDRESS/8" ',
  'from="ADDRESS," ',
  'from="" ',
  'from="::ffff:ADDRESS" ',
  'from="0.0.0.0/0" ',
  'from="::/0" ',
  'from="ADDRESS\\"" ',
  'from=ADDRESS ',
  'from="ADDRESS"x ',
  'from="ADDRESS ',
  'from="ADDRESS",from="ADDRESS" ',
  'command="true",command="true" ',
  'expiry-time="20380102Z" ',
  'expiry-time="20200102" ',
  'expiry-time="20380102Z",expiry-time="20200102Z" ',
  'expiry-time="2038" ',
  'cert-authority ',
  'principals="x" ',
  'permitopen="x" ',
  'permitlisten="x:y:z" ',
  'tunnel="x" ',
  'no-pty="1" ',
  'from ',
  'unknown ',
];
/** sshd takes these; a line so odd is better said than taken. */
const strict = ['no-pty,,restrict ', 'no-pty, ', 'expiry-time="20380230Z" '];

const skip = missing('nft', 'ip', 'sshd', 'ssh');

interface Line {
  readonly address: string;
  readonly server: string;
  readonly isStrict: boolean;
  readonly text: string;
  readonly keyFile: string;
}

/** Each line has a key of its own, so that all can be asked at once. */
function writeLines(folder: string, from: Host, to: Host): Line[] {
  return (['ipv4', 'ipv6'] as const).flatMap(family =>
    [...both, ...strict]
      .filter(options => family === 'ipv4' || /from/i.test(options))
      .map((options, at) => {
        const keyFile = join(folder, `${family}-${at}`);
        execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', keyFile]);
        const key = readFileSync(`${keyFile}.pub`, 'utf8').trim();
        const text = options.replaceAll('ADDRESS', from[family]) + key;
        const isStrict = strict.includes(options);
        return { address: from[family], server: to[family], isStrict, text, keyFile };
      }),
  );
}

test('what sshd makes of a line is what we make of it', { skip }, async t => {
  const network = await Network.create(t);
  const client = await network.addClient();
  const sshd = await SshServer.start(t, network.server);
  const lines = writeLines(temporaryFolder(t, 'keys'), client, network.server);
  writeFileSync(`${sshd.keyFile}.pub`, lines.map(({ text }) => `${text}\n`).join(''));
  const waiting = [...lines];
  const callAll = async () => {
    for (let line = waiting.pop(); line !== undefined; line = waiting.pop()) {
      const { address, server, isStrict, text, keyFile } = line;
      const { status } = await sshd.call(client, server, 'true', [], keyFile).end(20_000);
      if (isStrict) assert.equal(status, 0, text);
      assert.equal(isTaken(text, address), status === 0 && !isStrict, text);
    }
  };
  await Promise.all([callAll(), callAll(), callAll(), callAll()]);
});

function isTaken(line: string, address: string): boolean {
  const key = readAuthorizedKey(line);
  if (typeof key !== 'object') return false;
  const { expiresAt = Number.POSITIVE_INFINITY, from = '*' } = key;
  return Date.now() < expiresAt && matchesOrigin(from, parseAddress(address) ?? assert.fail(address));
}
