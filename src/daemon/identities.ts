/** The tables [[client]] of portknockd.toml → clients: by keys of their own, by classic passphrases, by psks, by signatures. */
import { closestMatch } from 'leven';
import { readKeyFile, readPassphraseFile } from '../system/secret.js';
import type { ClientSettings, Door } from './config.js';
import type { Table } from './schema.js';
import { SignerReader } from './signerkeys.js';
import { isTable } from './tables.js';
import type { Path } from './toml.js';

export type Doors = readonly { readonly door: Door; readonly path: Path }[];
export type Clients = readonly { readonly client: ClientSettings; readonly path: Path }[];

export class ClientReader extends SignerReader {
  protected readClients(doors: Doors): Clients {
    return this.sections('client').flatMap(({ table, path }) => {
      this.#checkDoorsOf(table, path, doors);
      const client = this.#client(table, path);
      return client === undefined ? [] : [{ client, path }];
    });
  }

  #client(table: Table<'client'>, path: Path): ClientSettings | undefined {
    if (isSigner(table)) return this.readSigner(table, path);
    if (table.psk_file !== undefined) return this.#psk(table, path, table.psk_file);
    if (table.classic_passphrase_file !== undefined)
      return this.#classic(table, path, table.classic_passphrase_file);
    const { name, doors, revoked, id, key_file: keyFile } = table;
    if (id === undefined || keyFile === undefined) {
      const missing = id === undefined ? 'id' : 'key_file';
      this.mistake(
        path,
        `client "${name}": "${missing}" is missing`,
        'make a client with: portknockd client add',
      );
      return undefined;
    }
    const key = this.attempt(() => readKeyFile(this.path(keyFile), this.place([...path, 'key_file'])));
    const addressRequired = table.address === 'required';
    return key && { kind: 'sealed', name, doors, revoked, id, key, addressRequired };
  }

  #classic(table: Table<'client'>, path: Path, file: string): ClientSettings | undefined {
    const { name, doors, revoked } = table;
    if (table.id !== undefined || table.key_file !== undefined) {
      this.mistake(
        path,
        `client "${name}": expected either "id" and "key_file" or "classic_passphrase_file", got both`,
      );
      return undefined;
    }
    this.warnings.push(
      `client "${name}" knocks with classic blocks: whoever records one knock can repeat it at any time`,
    );
    const passphrase = this.#passphrase(file, [...path, 'classic_passphrase_file']);
    return passphrase === undefined ? undefined : { kind: 'classic', name, doors, revoked, passphrase };
  }

  #psk(table: Table<'client'>, path: Path, file: string): ClientSettings | undefined {
    const { name, doors, revoked } = table;
    const given = (this.document.value['client'] as object[])[path[1] as number]!;
    const strays = ['id', 'key_file', 'classic_passphrase_file', 'address'].filter(key => key in given);
    for (const key of strays) {
      const message = `client "${name}": "${key}" does not go with "psk_file"`;
      this.mistake([...path, key], message, 'give each way to knock a client of its own');
    }
    const psk = this.#passphrase(file, [...path, 'psk_file']);
    return psk === undefined ? undefined : { kind: 'psk', name, doors, revoked, psk: Buffer.from(psk) };
  }

  #passphrase(file: string, path: Path): string | undefined {
    return this.attempt(() => readPassphraseFile(this.path(file), this.place(path)));
  }

  #checkDoorsOf(client: Table<'client'>, path: Path, doors: Doors): void {
    const given = this.document.value['door'];
    const names = Array.isArray(given)
      ? given.map((door: unknown) => (isTable(door) ? door['name'] : undefined))
      : [];
    client.doors.forEach((doorName, index) => {
      const place = [...path, 'doors', index];
      const door = doors.find(entry => entry.door.name === doorName)?.door;
      if (names.includes(doorName)) {
        if (door !== undefined) this.#checkDoorOf(client, place, door);
        return;
      }
      const known = names.filter(known => typeof known === 'string');
      const near = closestMatch(doorName, known, { maxDistance: 3 });
      const hint = near === undefined ? `doors are: ${known.join(', ')}` : `did you mean "${near}"?`;
      this.mistake(place, `client "${client.name}": there is no door "${doorName}"`, hint);
    });
  }

  /** Whether this client has a way to ask for a door. */
  #checkDoorOf(client: Table<'client'>, place: Path, door: Door): void {
    if (isSigner(client)) return;
    const pair = `client "${client.name}": door "${door.name}"`;
    if (client.psk_file !== undefined) {
      if (door.kind === 'services' && door.sequenceNumber) return;
      this.mistake(place, `${pair} takes no sequence numbers`, 'give the door sequence_number = true');
    } else if (door.command === undefined) {
      this.mistake(place, `${pair} has no "command" to ask for`);
    } else if (client.classic_passphrase_file === undefined && door.command > 255) {
      const message = `${pair} has command ${door.command}, and a sealed block has room for 0 to 255`;
      this.mistake(place, message, 'give the door a command up to 255');
    }
  }
}

/** Whether it answers challenges: such a client can ask for any door. */
function isSigner({ openpgp, ssh_keys: sshKeys }: Table<'client'>): boolean {
  return openpgp !== undefined || sshKeys !== undefined;
}
