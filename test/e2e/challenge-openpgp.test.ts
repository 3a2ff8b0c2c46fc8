/** Challenges signed by the real gpg, judged in the daemon by OpenPGP.js and by gpgv. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Gnupg } from '../crypto/gnupg.js';
import { respondBy } from './harness/asker.js';
import { Challenged, port } from './harness/challenged.js';
import { missing } from './harness/isolation.js';
import { plain } from './harness/service.js';

describe('signatures of gpg', { skip: missing('gpg', 'gpgv') }, () => {
  for (const judge of ['openpgpjs', 'gpgv']) {
    test(`judged by ${judge}: that of a client opens, of a stranger or of another text none does`, async t => {
      const gnupg = new Gnupg(t);
      const john = gnupg.make('John Doe <john@doe.com>', { algorithm: 'rsa3072' });
      const jane = gnupg.make('Jane Roe <jane@roe.com>');
      const stranger = gnupg.make('Stranger <stranger@doe.com>');
      const site = new Challenged(t, await plain(t));
      const keys = [john, jane].map(key => gnupg.export(key));
      writeFileSync(join(site.daemon.folder, 'keyring.gpg'), Buffer.concat(keys), { mode: 0o644 });
      const clients = [john, jane].map(({ fingerprint }, index) => ({
        name: ['john', 'jane'][index]!,
        openpgp: fingerprint,
      }));
      const section = { site_key_file: 'site.key', keyring: 'keyring.gpg', verify_with: judge };
      site.configure({ challenge: section, more: { clients } });
      await site.daemon.run();
      for (const [key, said] of [
        [stranger, /refused: unknown-client: somebody from 10\.77\.1\.2 for ssh: the key that signed/],
        [john, new RegExp(`opened ssh for john \\(OpenPGP ${john.fingerprint.toUpperCase()}\\) from`)],
      ] as const) {
        const { challenge } = await site.ask();
        const signature = gnupg.sign(key, challenge.text);
        await site.asker.send(site.server.ipv4, port, respondBy(challenge, 'openpgp', signature), 0);
        await site.program.line(said);
      }
      const { challenge } = await site.ask();
      const other = gnupg.sign(john, Buffer.concat([challenge.text, Buffer.from('\n')]));
      await site.asker.send(site.server.ipv4, port, respondBy(challenge, 'openpgp', other), 0);
      await site.program.line(/refused: bad-tag: .* its signature is not one over this challenge/);
      assert.equal(site.said(/opened/), 1);
    });
  }
});
