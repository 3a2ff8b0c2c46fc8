/** Places where a key of portknockd.toml can stand, for tests: the lines before it, and how messages call it. */
export interface Place {
  /** The lines before the key and after it. */
  readonly before: string;
  readonly after?: string;
  /** How messages call the table. */
  readonly label: string;
}

export const clientKey = 'id = 7\nkey_file = "laptop.key"\ndoors = ["ssh"]\n';
export const sshDoor = '[[door]]\nname = "ssh"\ncommand = 1\nservices = ["tcp/22"]\n';
export const sequence = '[port_sequence]\nbase_port = 40000\nsite_key_file = "site.key"\n';
export const doorOf = (lines: string) => ({ before: `[[door]]\n${lines}`, label: 'door[1].' });
export const clientOf = (lines: string) => ({
  before: `${sequence}${sshDoor}[[client]]\n${lines}`,
  label: 'client[1].',
});

export const top: Place = { before: '', label: '' };
export const capture: Place = { before: '[capture]\n', label: 'capture.' };
export const guard: Place = { before: '[guard]\n', label: 'guard.' };
export const portSequence: Place = { before: '[port_sequence]\n', label: 'port_sequence.' };
export const withBase: Place = { before: '[port_sequence]\nbase_port = 1\n', label: 'port_sequence.' };
export const services: Place = doorOf('name = "a"\ncommand = 1\nservices = ["tcp/22"]\n');
export const unnamedDoor: Place = doorOf('command = 1\nservices = ["tcp/22"]\n');
export const unnumberedDoor: Place = doorOf('name = "a"\nservices = ["tcp/22"]\n');
export const emptyDoor: Place = doorOf('name = "a"\ncommand = 1\n');
export const command: Place = doorOf('name = "a"\ncommand = 1\nrun = ["/bin/true"]\n');
export const client: Place = clientOf(`name = "laptop"\n${clientKey}`);
export const unnamedClient: Place = clientOf(clientKey);
export const unnumberedClient: Place = clientOf(
  'name = "laptop"\nkey_file = "laptop.key"\ndoors = ["ssh"]\n',
);
export const doorlessClient: Place = clientOf('name = "laptop"\nid = 7\nkey_file = "laptop.key"\n');
