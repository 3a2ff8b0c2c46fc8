#!/usr/bin/env node
/**
 * portknockd's command line: which command, with which options. What a command does is in a file of its own.
 */
import { createRequire } from 'node:module';
import { spellings } from '../methods/port-sequence/spelling.js';
import { findAccount } from '../system/account.js';
import {
  dashed,
  integerArgument,
  type OptionTable,
  readCommandLine,
  wordArgument,
} from '../system/command-line.js';
import { OperatorError, report } from '../system/error.js';
import { check } from './check.js';
import { addClient, listClients, removeClient } from './clients.js';
import type { Config } from './config.js';
import { ask, askRunning } from './control.js';
import { explainCapture, readCapture } from './explain.js';
import { runFirewall } from './firewallcommand.js';
import { help } from './help.js';
import { init } from './init.js';
import { KnockdLog } from './knockd/log.js';
import { type KnockdSettings, knockdReader } from './knockd/settings.js';
import { type LogFormat, openLog } from './log.js';
import { Monitor } from './monitor.js';
import { sshOrigin } from './origin.js';
import { addUserCommand } from './privileges.js';
import { defaultUser } from './schema.js';
import { defaultConfigFile, readConfig } from './settings.js';
import { formatStatus, type Status } from './status.js';
import { tryRules } from './tried.js';
import { print, requireArguments, unknown } from './usage.js';

const options = {
  help: { kind: 'flag', short: 'h' },
  version: { kind: 'flag', short: 'V' },
  config: { kind: 'text', short: 'c' },
  knockdConf: { kind: 'text' },
  interface: { kind: 'text' },
  scanGuard: { kind: 'flag' },
  stateDirectory: { kind: 'text' },
  capture: { kind: 'text' },
  log: { kind: 'text' },
  json: { kind: 'flag' },
  directory: { kind: 'text' },
  door: { kind: 'texts' },
  user: { kind: 'text' },
  basePort: { kind: 'text' },
  spelling: { kind: 'text' },
  alwaysAllow: { kind: 'texts' },
  withoutMyAddress: { kind: 'flag' },
  sequenceNumber: { kind: 'flag' },
  host: { kind: 'text' },
  address: { kind: 'text' },
  undoAfter: { kind: 'text' },
  backend: { kind: 'text' },
  at: { kind: 'text' },
} as const satisfies OptionTable;

type Given = ReturnType<typeof readCommandLine<typeof options>>['options'];
type Command = (args: readonly string[], given: Given) => unknown;

/** How a configuration of knockd's is read, for every command that reads one. */
const knockdOptions = ['knockdConf', 'interface', 'scanGuard', 'stateDirectory', 'user'] as const;

const initOptions = ['basePort', 'spelling', 'alwaysAllow', 'withoutMyAddress'] as const;

/** What each command takes beside --config, and does. */
const commands: Readonly<
  Record<string, { readonly takes: readonly (keyof Given)[]; readonly run: Command }>
> = {
  run: { takes: ['capture', 'log', ...knockdOptions], run: runDaemon },
  check: { takes: knockdOptions, run: runCheck },
  init: {
    takes: [...initOptions, 'directory', 'door', 'user', 'sequenceNumber'],
    run: runInit,
  },
  client: { takes: ['door', 'host', 'address', 'sequenceNumber'], run: runClient },
  status: { takes: ['json', ...knockdOptions], run: runStatus },
  open: { takes: knockdOptions, run: (args, given) => runDoor('open', args, given) },
  close: { takes: knockdOptions, run: (args, given) => runDoor('close', args, given) },
  firewall: {
    takes: ['undoAfter', 'backend'],
    run: (args, given) =>
      runFirewall(args, { ...given, file: given.config ?? defaultConfigFile, read: () => config(given) }),
  },
  explain: { takes: ['at', ...knockdOptions], run: runExplain },
};

async function main(argv: readonly string[]): Promise<number> {
  // Its options are another program's.
  if (argv[0] === 'knockd') return (await import('./knockd/main.js')).runKnockd(argv.slice(1), version());
  const { input, options: given } = readCommandLine(argv, options, 'portknockd');
  const [name = 'run', ...args] = input;
  if (given.version) return print(`portknockd ${version()}\n`);
  if (given.help) return print(help);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw unknown('command', name, Object.keys(commands));
  const stray = Object.keys(options).find(
    option => isGiven(given[option as keyof Given]) && !['config', ...command.takes].includes(option),
  );
  if (stray !== undefined) {
    throw new OperatorError(
      'usage',
      `"${name}" takes no --${stray.replace(/[A-Z]/g, c => `-${c.toLowerCase()}`)}`,
      {
        hint: 'see --help',
      },
    );
  }
  const status = await command.run(args, given);
  return typeof status === 'number' ? status : 0;
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}

function version(): string {
  return (createRequire(import.meta.url)('../../../package.json') as { version: string }).version;
}

function config(given: Given): Config {
  return given.knockdConf === undefined ? readConfig(nativeFile(given)) : knockd(given)().config;
}

/** @throws OperatorError where options of knockd's configurations are given without one */
function nativeFile(given: Given): string {
  const stray = (['interface', 'scanGuard', 'stateDirectory'] as const).find(option =>
    isGiven(given[option]),
  );
  if (stray !== undefined) {
    throw new OperatorError('usage', `${dashed(stray)} goes with --knockd-conf only`, {
      hint: 'portknockd.toml has keys for it',
    });
  }
  return given.config ?? defaultConfigFile;
}

function knockd(given: Given): () => KnockdSettings {
  const { knockdConf = '', config: both, interface: name, scanGuard, stateDirectory, user } = given;
  if (both !== undefined) throw new OperatorError('usage', '--config and --knockd-conf exclude each other');
  return knockdReader(knockdConf, { interface: name, scanGuard, stateDirectory, user });
}

async function runDaemon(args: readonly string[], given: Given): Promise<number> {
  requireArguments(args);
  const format = given.log ?? 'text';
  if (format !== 'text' && format !== 'json') {
    throw new OperatorError('usage', `--log expected text or json, got "${format}"`);
  }
  if (given.knockdConf !== undefined) return runKnockdConf(given, format);
  return new Monitor(() => withCapture(config(given), given.capture), openLog(format)).run();
}

/** knockd's log beside our own: people's filters read it. */
function runKnockdConf(given: Given, format: LogFormat): Promise<number> {
  if (given.capture !== undefined) {
    throw new OperatorError(
      'usage',
      '--capture has no meaning with --knockd-conf: knockd listens at an interface',
      {
        hint: 'say which with --interface',
      },
    );
  }
  const log = new KnockdLog({ verbose: false, hostNames: undefined, format, lowest: 'info' });
  const read = knockd(given);
  return new Monitor(() => {
    const { config, conf, titles } = read();
    log.open({ logFile: conf.logFile || undefined, useSyslog: conf.useSyslog, titles });
    return config;
  }, log.log).run();
}

function withCapture(read: Config, from: string | undefined): Config {
  if (from === undefined) return read;
  if (from === 'nflog') return { ...read, capture: { from, group: read.group } };
  return { ...read, capture: from === 'stdin' ? { from } : { from: 'path', path: from } };
}

async function runCheck(args: readonly string[], given: Given): Promise<number> {
  requireArguments(args);
  const read = config(given);
  const { text, warnings } = check(read);
  const tried = await tryRules(read);
  for (const warning of warnings) process.stderr.write(`portknockd: warning: ${warning}\n`);
  return print(text + tried);
}

function runInit(args: readonly string[], given: Given): void {
  requireArguments(args);
  if (given.config !== undefined) {
    throw new OperatorError('usage', 'init takes no --config', { hint: 'name the folder: --directory DIR' });
  }
  const mine = given.withoutMyAddress ? undefined : sshOrigin();
  const file = init({
    directory: given.directory ?? '/etc/portknock',
    doors: given.door.length === 0 ? ['ssh=tcp/22'] : given.door,
    user: given.user ?? defaultUser,
    basePort:
      given.basePort === undefined ? undefined : integerArgument('--base-port', given.basePort, 1, 65535),
    spelling:
      given.spelling === undefined ? undefined : wordArgument('--spelling', given.spelling, spellings),
    sequenceNumber: given.sequenceNumber,
    alwaysAllow: [...given.alwaysAllow, ...(mine === undefined ? [] : [mine])],
  });
  const option = file === defaultConfigFile ? '' : ` --config ${file}`;
  const user = given.user ?? defaultUser;
  const steps = [
    ...(findAccount(user) === undefined ? [addUserCommand(user)] : []),
    `portknockd client add NAME --door DOOR --host THIS-HOST${option}`,
    `portknockd check${option}`,
    `portknockd firewall install --undo-after 2m${option}`,
    `portknockd run${option}`,
  ];
  const allowed =
    mine === undefined ? '' : `${mine}, from where you are connected, needs no knock (guard.always_allow)\n`;
  print(`wrote ${file}\n${allowed}next:\n${steps.map(step => `  ${step}\n`).join('')}`);
}

async function runClient(args: readonly string[], given: Given): Promise<void> {
  const [action = 'list', ...rest] = args;
  const read = config(given);
  if (action === 'list') {
    requireArguments(rest);
    print(listClients(read));
    return;
  }
  if (action !== 'add' && action !== 'remove')
    throw unknown('command: client', action, ['add', 'list', 'remove']);
  const [name = ''] = requireArguments(rest, 'NAME');
  if (action === 'remove') {
    removeClient(read, name);
  } else {
    const { formatProfile } = await import('../system/profile.js');
    const profile = addClient(read, {
      name,
      doors: given.door,
      host: given.host,
      address: addressChoice(given.address),
      sequenceNumber: given.sequenceNumber,
    });
    print(formatProfile(profile));
  }
  const running = (await ask(read.stateDirectory, { ask: 'reload' })) !== undefined;
  const when = running ? 'in force' : 'in force when portknockd starts: it is not running';
  process.stderr.write(`portknockd: client "${name}" ${action === 'add' ? 'added' : 'removed'}, ${when}\n`);
}

function addressChoice(text = 'required'): 'required' | 'optional' {
  if (text === 'required' || text === 'optional') return text;
  throw new OperatorError('usage', `--address expected required or optional, got "${text}"`);
}

async function runStatus(args: readonly string[], given: Given): Promise<void> {
  requireArguments(args);
  const status = (await askRunning(config(given).stateDirectory, { ask: 'status' })) as Status;
  print(given.json ? `${JSON.stringify(status, null, 2)}\n` : formatStatus(status));
}

async function runDoor(what: 'open' | 'close', args: readonly string[], given: Given): Promise<void> {
  const [door = '', address = ''] = requireArguments(args, 'DOOR', 'ADDRESS');
  const answer = await askRunning(config(given).stateDirectory, { ask: what, door, address });
  if (answer === false) print(`${door} was not open for ${address}\n`);
}

async function runExplain(args: readonly string[], given: Given): Promise<void> {
  const [path = ''] = requireArguments(args, 'CAPTURE');
  const atMs = given.at === undefined ? undefined : Date.parse(given.at);
  if (Number.isNaN(atMs)) {
    throw new OperatorError('usage', `--at expected a time such as 2026-11-18T11:06:40Z, got "${given.at}"`);
  }
  const remarks = await explainCapture(config(given), readCapture(path), atMs, line =>
    print(`${JSON.stringify(line)}\n`),
  );
  for (const remark of remarks) process.stderr.write(`portknockd: warning: ${path}: ${remark}\n`);
}

// A reader that has seen enough is no failure.
process.stdout.on('error', () => process.exit(0));

// Not waited for at the top, so that it can be bundled for `require`. What never comes to its end has failed.
process.exitCode = 1;
main(process.argv.slice(2)).then(
  status => {
    process.exitCode = status;
    // What the daemon leaves behind (a child's pipe, a timer) must not keep a process that is done.
    if (status !== 0 || process.stdout.writableLength === 0) process.exit();
  },
  error => process.exit(report('portknockd', error)),
);
