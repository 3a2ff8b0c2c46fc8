/** `portknockd init` with its options, and what to do after it. */
import { spellings } from '../methods/port-sequence/spelling.js';
import { findAccount } from '../system/account.js';
import { integerArgument, wordArgument } from '../system/command-line.js';
import { init } from './init.js';
import { sshOrigin } from './origin.js';
import { addUserCommand } from './privileges.js';
import { defaultUser } from './schema.js';
import { defaultConfigFile } from './settings.js';

/** The options of `init`, as they were given. */
export interface Wishes {
  readonly directory: string | undefined;
  readonly door: readonly string[];
  readonly user: string | undefined;
  readonly basePort: string | undefined;
  readonly spelling: string | undefined;
  readonly sequenceNumber: boolean;
  /** Empty: a port by chance. */
  readonly challenge: string | undefined;
  readonly alwaysAllow: readonly string[];
  readonly withoutMyAddress: boolean;
}

/** @returns what to tell of it @throws OperatorError(s) */
export function begin(wishes: Wishes): string {
  const { basePort, spelling, challenge, user = defaultUser, sequenceNumber } = wishes;
  const mine = wishes.withoutMyAddress ? undefined : sshOrigin();
  const file = init({
    directory: wishes.directory ?? '/etc/portknock',
    doors: wishes.door.length === 0 ? ['ssh=tcp/22'] : wishes.door,
    user,
    basePort: basePort === undefined ? undefined : integerArgument('--base-port', basePort, 1, 65535),
    spelling: spelling === undefined ? undefined : wordArgument('--spelling', spelling, spellings),
    sequenceNumber,
    challenge: challenge === undefined ? undefined : challengePort(challenge),
    alwaysAllow: [...wishes.alwaysAllow, ...(mine === undefined ? [] : [mine])],
  });
  const option = file === defaultConfigFile ? '' : ` --config ${file}`;
  const keys = challenge === undefined ? '' : ' --ssh-keys FILE';
  const steps = [
    ...(findAccount(user) === undefined ? [addUserCommand(user)] : []),
    `portknockd client add NAME --door DOOR${keys} --host THIS-HOST${option}`,
    `portknockd check${option}`,
    `portknockd firewall install --undo-after 2m${option}`,
    `portknockd run${option}`,
  ];
  const allowed =
    mine === undefined ? '' : `${mine}, from where you are connected, needs no knock (guard.always_allow)\n`;
  return `wrote ${file}\n${allowed}next:\n${steps.map(step => `  ${step}\n`).join('')}`;
}

function challengePort(text: string): number {
  return text === '' ? 0 : integerArgument('--challenge', text, 1, 65535);
}
