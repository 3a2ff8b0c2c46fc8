/** Clients of portknockd.toml that answer challenges: with keys of OpenPGP out of the keyring, with keys of SSH. */
import type { KeySource, SignerClientSettings } from './config.js';
import { DoorReader } from './doors.js';
import { isSshKey, type KeyFault, KeyFiles } from './keyfiles.js';
import type { Table } from './schema.js';
import { isTable } from './tables.js';
import type { Path } from './toml.js';

export class SignerReader extends DoorReader {
  /** Those that have been read, in the order of the file. */
  protected readonly keySources: KeySource[] = [];
  #files: KeyFiles | undefined;

  /** The full path of the keyring, where [challenge] names one. */
  protected get keyring(): string | undefined {
    const section = this.document.value['challenge'];
    const given = isTable(section) ? section['keyring'] : undefined;
    return typeof given === 'string' && given !== '' ? this.path(given) : undefined;
  }

  protected readSigner(table: Table<'client'>, path: Path): SignerClientSettings | undefined {
    const { name, doors, revoked, openpgp = [], ssh_keys: ssh = [] } = table;
    this.#refuseOthers(table, path);
    if (this.document.value['challenge'] === undefined) {
      const message = `client "${name}": challenges need a section [challenge]`;
      this.mistake(path, message, 'it says where they are answered, with "port" and "site_key_file"');
      return undefined;
    }
    if (openpgp.length > 0 && this.keyring === undefined && !revoked) {
      const hint = 'write them into a file with gpg --export, and name it: keyring = "keyring.gpg"';
      this.mistake(
        [...path, 'openpgp'],
        `client "${name}": "openpgp" needs a "keyring" in [challenge]`,
        hint,
      );
      return undefined;
    }
    this.#refuseHomes(table, path);
    const source = { client: name, revoked, openpgp, ssh: ssh.map(text => this.#fullPath(text)) };
    this.keySources.push(source);
    const keys = this.attempt(() => this.#read(source, path));
    return keys && { kind: 'signer', name, doors, revoked, ...keys };
  }

  #refuseHomes({ name, ssh_keys: ssh = [] }: Table<'client'>, path: Path): void {
    for (const [index, text] of ssh.entries()) {
      if (!text.startsWith('~')) continue;
      const hint = 'write the whole path, such as "/home/john/.ssh/authorized_keys"';
      const message = `client "${name}": "~" in "ssh_keys" is nobody's home here`;
      this.mistake([...path, 'ssh_keys', index], message, hint);
    }
  }

  #fullPath(text: string): string {
    return isSshKey(text) ? text : this.path(text);
  }

  #refuseOthers(table: Table<'client'>, path: Path): void {
    const given = (this.document.value['client'] as object[])[path[1] as number]!;
    const partner = table.openpgp === undefined ? 'ssh_keys' : 'openpgp';
    const others = ['id', 'key_file', 'classic_passphrase_file', 'psk_file', 'address'];
    for (const key of others.filter(key => key in given)) {
      const message = `client "${table.name}": "${key}" does not go with "${partner}"`;
      this.mistake([...path, key], message, 'give each way to knock a client of its own');
    }
  }

  #read(source: KeySource, path: Path): Pick<SignerClientSettings, 'openpgp' | 'ssh'> | undefined {
    this.#files ??= new KeyFiles(this.keyring, this.place(['challenge', 'keyring']));
    const openpgp = this.#files.openpgp(source);
    const ssh = this.#files.ssh(source);
    for (const fault of [...openpgp.faults, ...ssh.faults]) this.#tell(source.client, fault, path);
    return { openpgp: openpgp.keys, ssh: ssh.keys };
  }

  #tell(client: string, { key, index, message, hint, isMistake }: KeyFault, path: Path): void {
    const at = [...path, key, index];
    const text = `client "${client}": ${message}`;
    if (isMistake) this.mistake(at, text, hint);
    else
      this.warnings.push(
        `${this.file}:${this.place(at).line}: ${text}${hint === undefined ? '' : ` (${hint})`}`,
      );
  }
}
